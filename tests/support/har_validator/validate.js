// Validates the HAR file named on the command line; prints what is wrong and exits with 1.
const fs = require("fs");
const validator = require("har-validator");

const har = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
validator.har(har).then(
  () => console.log("valid"),
  (error) => {
    console.error(JSON.stringify(error.errors, null, 1));
    process.exit(1);
  },
);
