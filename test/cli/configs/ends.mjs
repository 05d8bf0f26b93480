// A module that ends the process.
process.exit(0);
