"""complaints: takes complaints in by eight channels, gives each a number and a code, and keeps its clock.

Decides: whether a complaint may be filed, under which limit its clock runs, when its deadline is breached.
Hears: nothing yet.
Says: ComplaintFiled, DeadlineSet, DeadlineBreached on datacloud.complaints.v1; complainants on
    datacloud.complainants.v1, for notifier alone.
Promises: gapless numbers PGD-<year>-<n>; the narrative never leaves this service; an unclassified complaint runs
    under the shortest limit of the standard; a breach at local midnight, once.
"""
