"""review: Bidang Aplikasi Informatika decides on a request, with a reason, once.

Decides: approved, returned (berkas belum lengkap) or rejected; never by an officer who registered the letter
    or a completion, never on a stale version of the case.
Hears: RequestSubmitted, RequestResubmitted, RequestWithdrawn, RequestSetAside, DeadlineSet (intake); persons' copies.
Says: RequestReviewed on datacloud.reviews.v1; reasons on datacloud.review-texts.v1.
Promises: the reviewer, the time and the reason stand in the event before anything is provisioned.
"""
