// Where the server is: Streamlit's page looks below its own address first, in vain on every page
// but the first. Every page lies right below the first, wherever a proxy has put that.
window.__streamlit = { BACKEND_BASE_URL: new URL('.', document.baseURI).href }
