// Draws the interactive page of one document. Everything comes from this server.
window.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("interactive");
  window.SwaggerUIBundle({
    domNode: place,
    url: place.dataset.address,
    deepLinking: true,
    displayRequestDuration: true,
    // Names, not whole models, at first: long documents open at once.
    defaultModelsExpandDepth: 0,
    docExpansion: "list",
    filter: true,
    // No other server is asked whether the document is valid.
    validatorUrl: null,
  });
});
