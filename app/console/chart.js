// Owns the picture of the last 30 days, with a table behind it for those who do not see it.

import { h, svg } from "./dom.js";
import { counted, number, utcDay as written } from "./format.js";

const DAYS = 30;
const [WIDTH, HEIGHT, GAP] = [600, 90, 4];

/** Verifications per day; the days are as `get-usage` answers them, those without any left out. */
export function chart(days, title) {
    const whole = filled(days);
    const total = whole.reduce((sum, each) => sum + each.verifications, 0);
    if (!total) return h("p", { class: "empty" }, "Nothing was verified in the last 30 days.");
    const most = Math.max(...whole.map(each => each.verifications));
    const label = `${title}: ${counted(total, "verification")} in 30 days, at most ${number(most)} a day`;
    return h("figure", { class: "chart" },
        svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label, preserveAspectRatio: "none" },
            ...whole.map((each, place) => bar(each, place, most))),
        h("figcaption", {}, h("span", {}, written(whole[0].day)), h("strong", {}, counted(total, "verification")), h("span", {}, "Today")),
        h("details", {}, h("summary", {}, "Show as a table"), table(whole)));
}

/** Each of the last days, oldest first, by UTC as the service counts them. */
function filled(days) {
    const known = new Map(days.map(each => [each.day, each]));
    return Array.from({ length: DAYS }, (_, place) => {
        const day = new Date(Date.now() - (DAYS - 1 - place) * 86_400_000).toISOString().slice(0, 10);
        return known.get(day) ?? { day, verifications: 0, refusals: {} };
    });
}

const refused = each => Object.values(each.refusals).reduce((sum, count) => sum + count, 0);

function bar(each, place, most) {
    const step = WIDTH / DAYS;
    const tall = count => (count ? Math.max(2, (count / most) * (HEIGHT - 2)) : 0);
    const [whole, bad] = [tall(each.verifications), tall(refused(each))];
    const box = (kind, height) => svg("rect", { class: kind, x: place * step + GAP / 2, width: step - GAP, y: HEIGHT - height, height, rx: 1.5 });
    const words = `${written(each.day)}: ${number(each.verifications)}, ${number(refused(each))} refused`;
    return svg("g", {}, svg("title", {}, words), svg("rect", { class: "day", x: place * step, width: step, y: 0, height: HEIGHT }),
        box("good", whole), box("bad", bad));
}

function table(days) {
    const row = each => h("tr", {}, h("th", { scope: "row" }, written(each.day)), h("td", {}, number(each.verifications)), h("td", {}, number(refused(each))));
    return h("table", { class: "plain" },
        h("thead", {}, h("tr", {}, ...["Day", "Verifications", "Refused"].map(name => h("th", { scope: "col" }, name)))),
        h("tbody", {}, ...days.map(row).reverse()));
}
