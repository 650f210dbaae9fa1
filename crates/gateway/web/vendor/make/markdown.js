// What reads the words of a model, and what takes everything out of them that is not words.
export { Marked } from "marked";
export { default as DOMPurify } from "dompurify";
