"""What is measured, to be read: tables, pictures and one page that holds everything."""
