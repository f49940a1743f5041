"""The log between the stages: a contract (``api``) and two implementations (``postgres``, ``kafka``)."""
