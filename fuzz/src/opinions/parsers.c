/* expat and libxml2, each asked for its opinion of one whole document. What they see is told through one function, in
 * the order of the document; src/opinions/system.rs says what each note means. Nothing is kept here. */

#include <expat.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <string.h>

typedef void note(void *sink, char kind, const char *text, size_t length);

struct reader {
    note *note;
    void *sink;
    XML_Parser expat;
    xmlParserCtxtPtr libxml2;
    int refused; /* The first error's code. */
};

static void tell(struct reader *reader, char kind, const char *text) {
    reader->note(reader->sink, kind, text, text == NULL ? 0 : strlen(text));
}

static void tell_position(struct reader *reader, char kind, long position) {
    reader->note(reader->sink, kind, NULL, (size_t)position);
}

/* expat writes an expanded name as its namespace, this character, and the local part. */
enum { SEPARATOR = '\n' };

static void tell_expanded(struct reader *reader, const char *name) {
    const char *separator = strchr(name, SEPARATOR);
    reader->note(reader->sink, 'n', name, separator == NULL ? 0 : (size_t)(separator - name));
    tell(reader, 'l', separator == NULL ? name : separator + 1);
}

static void expat_start(void *data, const char *name, const char **attributes) {
    struct reader *reader = data;
    long start = XML_GetCurrentByteIndex(reader->expat);
    tell_position(reader, '<', start);
    tell_expanded(reader, name);
    for (; attributes[0] != NULL; attributes += 2) {
        tell_expanded(reader, attributes[0]);
        tell(reader, 'v', attributes[1]);
    }
    tell_position(reader, '>', start + XML_GetCurrentByteCount(reader->expat));
}

static void expat_end(void *data, const char *name) {
    (void)name;
    struct reader *reader = data;
    long start = XML_GetCurrentByteIndex(reader->expat);
    tell_position(reader, '/', start + XML_GetCurrentByteCount(reader->expat));
}

static void expat_text(void *data, const char *text, int length) {
    struct reader *reader = data;
    reader->note(reader->sink, 't', text, (size_t)length);
}

/* 0, or the code of the error that expat refuses the document with. */
int ask_expat(const char *document, size_t length, note *note, void *sink) {
    XML_Parser parser = XML_ParserCreateNS(NULL, SEPARATOR);
    if (parser == NULL) return -1;
    struct reader reader = {.note = note, .sink = sink, .expat = parser};
    XML_SetUserData(parser, &reader);
    XML_SetElementHandler(parser, expat_start, expat_end);
    XML_SetCharacterDataHandler(parser, expat_text);
    if (XML_Parse(parser, document, (int)length, XML_TRUE) != XML_STATUS_OK) {
        reader.refused = (int)XML_GetErrorCode(parser);
    }
    XML_ParserFree(parser);
    return reader.refused;
}

static void libxml2_start(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int namespaces,
                          const xmlChar **declared, int attributes, int defaulted, const xmlChar **attribute) {
    (void)prefix, (void)namespaces, (void)declared, (void)defaulted;
    struct reader *reader = data;
    reader->note(reader->sink, '<', NULL, (size_t)-1); /* libxml2 does not say where a tag began. */
    tell(reader, 'n', (const char *)uri);
    tell(reader, 'l', (const char *)name);
    for (; attributes > 0; attributes--, attribute += 5) {
        tell(reader, 'n', (const char *)attribute[2]);
        tell(reader, 'l', (const char *)attribute[0]);
        reader->note(reader->sink, 'v', (const char *)attribute[3], (size_t)(attribute[4] - attribute[3]));
    }
    /* It stands before the tag's end, and after a complete empty-element tag tells the end at once. */
    int rest = *reader->libxml2->input->cur == '/' ? 2 : 1;
    tell_position(reader, '>', xmlByteConsumed(reader->libxml2) + rest);
}

static void libxml2_end(void *data, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri) {
    (void)name, (void)prefix, (void)uri;
    struct reader *reader = data;
    tell_position(reader, '/', xmlByteConsumed(reader->libxml2));
}

static void libxml2_text(void *data, const xmlChar *text, int length) {
    struct reader *reader = data;
    reader->note(reader->sink, 't', (const char *)text, (size_t)length);
}

/* A namespace that is no absolute URI is an error by its level, but not by the recommendation. */
static void libxml2_error(void *data, xmlErrorPtr error) {
    struct reader *reader = data;
    int about_uri = error->code == XML_WAR_NS_URI || error->code == XML_WAR_NS_URI_RELATIVE;
    if (error->level >= XML_ERR_ERROR && !about_uri && reader->refused == 0) reader->refused = error->code;
}

static const xmlSAXHandler libxml2_handler = {
    .initialized = XML_SAX2_MAGIC,
    .startElementNs = libxml2_start,
    .endElementNs = libxml2_end,
    .characters = libxml2_text,
    .ignorableWhitespace = libxml2_text,
    .cdataBlock = libxml2_text,
    .serror = libxml2_error,
};

/* Without NOENT, `&amp;` in an attribute's value is told as another reference. */
enum { OPTIONS = XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_HUGE };

static int finish_libxml2(struct reader *reader, xmlParserCtxtPtr parser) {
    if (reader->refused == 0 && !parser->wellFormed) reader->refused = -1;
    if (parser->myDoc != NULL) xmlFreeDoc(parser->myDoc);
    xmlFreeParserCtxt(parser);
    return reader->refused;
}

/* 0, or the code of the error that libxml2 refuses the document with when it has all of it. */
int ask_libxml2(const char *document, size_t length, note *note, void *sink) {
    struct reader reader = {.note = note, .sink = sink};
    xmlParserCtxtPtr parser = xmlCreateMemoryParserCtxt(document, (int)length);
    if (parser == NULL) return -1; /* It makes none for an empty document. */
    reader.libxml2 = parser;
    *parser->sax = libxml2_handler;
    parser->userData = &reader;
    xmlCtxtUseOptions(parser, OPTIONS);
    xmlParseDocument(parser);
    return finish_libxml2(&reader, parser);
}

/* The same when it is handed the document as if that came over the network. */
int ask_libxml2_push(const char *document, size_t length, note *note, void *sink) {
    struct reader reader = {.note = note, .sink = sink};
    xmlSAXHandler handler = libxml2_handler;
    xmlParserCtxtPtr parser = xmlCreatePushParserCtxt(&handler, &reader, NULL, 0, NULL);
    if (parser == NULL) return -1;
    reader.libxml2 = parser;
    xmlCtxtUseOptions(parser, OPTIONS);
    xmlParseChunk(parser, document, (int)length, 1);
    return finish_libxml2(&reader, parser);
}
