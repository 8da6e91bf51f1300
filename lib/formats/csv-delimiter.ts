/** The characters that can be between the fields of a row. */
export const DELIMITER = /^[^"\r\n\u0080-\uffff]$/;
export const DELIMITER_RULE = 'must be one ASCII character, not a quote or a line break';
