/** What of a database is from before there were keys, as conditions on its rows. */

/** An endpoint: whoever seals one seals its secrets along with all else. */
export const ENDPOINT_IN_THE_CLEAR = `secrets <> '[]' AND secrets NOT LIKE '[{"key":"sealed.1.%'`;

/** What is remembered of a POST; of a message only its id is. */
export const ANSWER_IN_THE_CLEAR = "body <> '' AND body NOT LIKE 'sealed.1.%'";
