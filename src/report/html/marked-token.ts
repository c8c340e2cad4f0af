/** The legend's words for the token that is marked in a retrieved passage. A smeared key is mixed with that of the token before it. */
export const markedToken = `In each retrieved passage one token is marked: the one whose key and value were found. Where keys are smeared, as in
reader-1m, that token followed a similar place, so the marked token itself is what the memory suggests.`;
