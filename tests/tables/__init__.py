"""Commands that make the tables of facts anew from the libraries that maintain them."""
