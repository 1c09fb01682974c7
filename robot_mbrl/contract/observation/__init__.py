"""What a controller observes, column by column, and how it is made from measurements."""
