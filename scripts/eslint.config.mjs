// How the page's JavaScript is linted; scripts/check calls ESLint where node is. Nothing is installed into the repository.
const read = "document window history location navigator structuredClone URLSearchParams localStorage fetch setTimeout clearTimeout getComputedStyle getSelection matchMedia innerHeight innerWidth PerformanceObserver atob URL Blob Response TextEncoder DecompressionStream ResizeObserver SVGElement CSS console EventTarget Event MessageEvent";

export default [
  {
    files: ["**/*.js"],
    languageOptions: {
      ecmaVersion: 2023,
      sourceType: "module",
      globals: Object.fromEntries(read.split(" ").map((name) => [name, "readonly"])),
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "no-undef": "error",
      "no-unused-vars": "error",
      "no-redeclare": ["error", { builtinGlobals: true }],
      "no-restricted-globals": ["error", "name", "open", "close", "event", "status", "top", "parent", "length", "eval"],
      "no-use-before-define": ["error", { functions: false, classes: false, variables: false }],
      "no-const-assign": "error",
      "no-dupe-keys": "error",
      "no-dupe-class-members": "error",
      "no-unreachable": "error",
      "no-self-assign": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-var": "error",
      "prefer-const": ["error", { destructuring: "all" }],
      "eqeqeq": "error",
      "no-restricted-properties": ["error", { property: "innerHTML" }, { property: "outerHTML" }, { property: "insertAdjacentHTML" }],
    },
  },
];
