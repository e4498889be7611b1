// Owns how a scenario goes: its steps one after the other, what they may ask of the test, and the
// last line printed, which says what passed and what failed.

import { createInterface } from "node:readline";

const PATIENCE = 20_000; // milliseconds
const LONGEST_STEP = 60_000;
const PAUSE = 10;

let answers;

/** Ask the test for something that the client cannot do by itself. */
export async function ask(name, ...args) {
    answers ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
    console.log(JSON.stringify([name, ...args]));
    return JSON.parse((await answers.next()).value);
}

/** Wait until a condition holds, and answer what it answered. */
export async function until(holds) {
    const end = Date.now() + PATIENCE;
    while (Date.now() < end) {
        const held = await holds();
        if (held) return held;
        await new Promise(resolve => setTimeout(resolve, PAUSE));
    }
    throw new Error(`waited in vain until ${holds}`);
}

/** A client may wait for ever for an answer that never comes. */
function tooLong() {
    return new Promise((_, reject) => {
        setTimeout(() => reject(new Error("took too long")), LONGEST_STEP).unref();
    });
}

/** Take the steps up to the first that fails, and end the process. */
export async function run(steps) {
    const report = { passed: [], failed: null };
    for (const step of steps) {
        try {
            await Promise.race([step(), tooLong()]);
            report.passed.push(step.name);
        } catch (error) {
            report.failed = { step: step.name, reason: error.stack };
            break;
        }
    }
    console.log(JSON.stringify(report));
    process.exit(report.failed ? 1 : 0); // connections may be open
}
