import "./hook.mjs";
const {validate} = await import("@actions/languageservice");
console.log(validate);
