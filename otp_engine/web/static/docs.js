// The viewer of `/docs`: Swagger UI with samples, labels for screen readers, and requests
// in dev mode only.
"use strict";

const place = document.getElementById("reference");
const triesIt = "tryIt" in place.dataset;

/** The operations alone: the page itself has the introduction. */
const layout = ({ React: { createElement: h } }) =>
  function ReferenceLayout({ specSelectors, getComponent }) {
    const status = specSelectors.loadingStatus();
    if (status === "failed") return h("p", { role: "alert" }, "The document could not be loaded.");
    if (status !== "success") return h("p", null, "Loading the operations.");
    const button = triesIt && specSelectors.securityDefinitions() && getComponent("AuthorizeBtnContainer", true);
    return h(
      "div",
      { className: "swagger-ui" },
      h(getComponent("SvgAssets")),
      button && h(button),
      h(getComponent("operations", true)),
    );
  };

/** Texts in place of links to operations: a link in a button cannot be reached. */
const deepLink = (_, { React }) =>
  function DeepLink({ text }) {
    return React.createElement("span", null, text);
  };

/** The samples of an operation, with one button for each language. */
const samples = (Original, { React, specSelectors }) =>
  function Samples(props) {
    const { createElement: h, Fragment, useState } = React;
    const [chosen, choose] = useState(0);
    const path = ["paths", props.path, props.method, "x-codeSamples"];
    const all = specSelectors.specJson().getIn(path)?.toJS() ?? [];
    const button = (sample, index) =>
      h(
        "button",
        {
          key: sample.label,
          type: "button",
          className: "quiet",
          "aria-pressed": index === chosen,
          onClick: () => choose(index),
        },
        sample.label,
      );
    const copy = () => navigator.clipboard.writeText(all[chosen].source);
    const view = h(
      "section",
      { className: "samples" },
      h("h4", null, "Sample"),
      h(
        "div",
        { className: "tools" },
        ...all.map(button),
        navigator.clipboard && h("button", { type: "button", className: "quiet", onClick: copy }, "Copy"),
      ),
      h("pre", { tabIndex: 0, "aria-label": `Sample for ${all[chosen]?.label}` }, all[chosen]?.source),
    );
    return h(Fragment, null, all.length > 0 && view, h(Original, props));
  };

/** Give the controls of Swagger UI the names and roles that it leaves out. */
function label() {
  for (const select of place.querySelectorAll("select:not([aria-label])")) {
    const heading = select.closest(".responses-wrapper") ? "the response" : "the request";
    select.setAttribute("aria-label", select.closest(".examples-select") ? "Example" : `Media type of ${heading}`);
  }
  for (const input of place.querySelectorAll(":is(input, textarea):not([aria-label], [id])")) {
    input.setAttribute("aria-label", input.placeholder || "Body of the request");
  }
  for (const block of place.querySelectorAll("pre:not([tabindex]), .table-container:not([tabindex])")) {
    block.tabIndex = 0;
  }
}

SwaggerUIBundle({
  url: place.dataset.url,
  domNode: place,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  defaultModelExpandDepth: 3,
  syntaxHighlight: { activated: false },
  supportedSubmitMethods: triesIt ? ["get", "post", "put", "delete"] : [],
  validatorUrl: null,
  layout: "ReferenceLayout",
  plugins: [
    (system) => ({
      components: { ReferenceLayout: layout(system) },
      wrapComponents: {
        responses: samples,
        DeepLink: deepLink,
        ...(triesIt ? {} : { authorizeOperationBtn: () => () => null }),
      },
    }),
  ],
});
new MutationObserver(label).observe(place, { childList: true, subtree: true });
