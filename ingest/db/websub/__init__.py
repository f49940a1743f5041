"""WebSub in the database: subscriptions with hubs, and the bodies that hubs pushed."""
