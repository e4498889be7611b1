// Owns how values are written for people.

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const UTC_DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });
const AGO = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const NUMBER = new Intl.NumberFormat();
const UNITS = [["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3600], ["minute", 60]];

export const moment = text => MOMENT.format(new Date(text));
export const day = text => DAY.format(new Date(text));
/** A day as the service counts them, which is not always the reader's. */
export const utcDay = text => UTC_DAY.format(new Date(text));
export const number = value => NUMBER.format(value);

/** How far away a time is: "2 days ago". */
export function away(text, now = Date.now()) {
    const seconds = (new Date(text) - now) / 1000;
    for (const [unit, length] of UNITS) {
        if (Math.abs(seconds) >= length) return AGO.format(Math.trunc(seconds / length), unit);
    }
    return seconds > 0 ? "in a moment" : "just now";
}

export const isPast = text => text !== null && new Date(text) <= Date.now();

/** So many of something: "1 token", "3 tokens". */
export const counted = (count, noun) => `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
