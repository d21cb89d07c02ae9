"""notifier: tells people, by e-mail and letter, what has happened; and tells the others that it did.

Decides: who is told what, and when; that a confirmation is sent only for an account that was read back.
Hears: requests, reviews, accounts, complaints; copies of persons, complainants and review texts.
Says: ConfirmationSent, NotificationUndeliverable on datacloud.notifications.v1.
Promises: one Message-ID per notification; letter numbers gapless per year; a letter is made once and stored;
    no confirmation for a withdrawn request or one that was set aside.
"""
