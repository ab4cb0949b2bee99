// How the search ranks what it finds: guides first, since most people look for how to do something,
// and pages whose own name has a word of the query.
const SHELVES = [
  [/^how-to\//, 40],
  [/^tutorials\//, 25],
  [/^discussion\//, 10],
  [/^(changelog|differences|contributing|decisions)/, -40],
  [/^reference\/(cheat-sheet|all-names|ecosystem)/, -30],
  [/(^|\/)index$/, -60],
];
const WORDS = (new URLSearchParams(location.search).get("q") ?? "")
  .toLowerCase()
  .split(/\W+/)
  .filter((word) => word.length > 2);

var Scorer = {
  score: ([docname, , , , score]) => {
    const name = docname.split("/").pop();
    const named = WORDS.some((word) => name.includes(word)) ? 50 : 0;
    return SHELVES.reduce(
      (sum, [shelf, points]) => sum + (shelf.test(docname) ? points : 0),
      score + named,
    );
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: {0: 15, 1: 5, 2: -5},
  objPrioDefault: 0,
  title: 60,
  partialTitle: 15,
  term: 5,
  partialTerm: 2,
};
