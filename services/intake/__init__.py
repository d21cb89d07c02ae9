"""intake: takes letters in, keeps the clock of one working day, tells the PD where its request stands.

Decides: whether a request may be filed, completed, withdrawn or set aside; when its deadline ends and how.
Hears: RequestReviewed (review), AccountActivated, AdministratorReplaced, AccountActivationFailed (provisioning),
    ConfirmationSent (notifier); in any order, and ends in the same state.
Says: RequestSubmitted, RequestResubmitted, RequestWithdrawn, RequestSetAside, RequestClosed, DeadlineSet,
    DeadlineBreached, DeadlineBreachRevoked on datacloud.requests.v1; persons on datacloud.people.v1.
Promises: gapless numbers DC-<year>-<n>; one open request per agency and kind; a breach at local midnight, once.
"""
