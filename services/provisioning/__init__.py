"""provisioning: turns an approval into a working account, and says so only after reading it back.

Decides: which accounts an agency gets, which one is its administrator's, when a failure is told.
Hears: RequestReviewed (review), RequestWithdrawn, RequestSetAside (intake); copies of persons.
Says: AccountActivated, AccountActivationFailed, AdministratorReplaced, AccountSuspended on datacloud.accounts.v1,
    keyed by agency code, because an agency's account is one stream.
Promises: one space per agency, one account per approved request; a withdrawn request ends with no enabled account.
"""
