// Owns how lines of a test run in Node: with the client, where and as whom to call, and `ask`, `until`.

import Api from "../../../app/console/api.js";
import { ask, until } from "../steps.mjs";

const { API_URL, API_TOKEN, CODE } = process.env;
const given = { Api, url: API_URL, token: API_TOKEN, ask, until };
const AsyncFunction = (async () => {}).constructor;

const returned = await new AsyncFunction(...Object.keys(given), CODE)(...Object.values(given));
console.log(JSON.stringify({ returned }));
process.exit(); // connections may be open
