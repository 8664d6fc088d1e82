/* text: fills words into lines. */

#include "text.h"

#include <string.h>

#define WORD_BYTES 128

void
mdsctl_text_word(mdsctl_text_t *text, const char *word)
{
    size_t len = strlen(word);

    if (text->column > 0 && text->column + 1 + len > MDSCTL_COLUMNS) {
        fprintf(text->out, "\n%*s", (int) text->indent, "");
        text->column = text->indent;
    } else if (text->column > 0) {
        fputc(' ', text->out);
        text->column++;
    }

    fputs(word, text->out);
    text->column += len;
}

void
mdsctl_text_end(mdsctl_text_t *text)
{
    if (text->column > 0) {
        fputc('\n', text->out);
        text->column = 0;
    }
}

static void
fill_line(mdsctl_text_t *text, const char *line, size_t line_len)
{
    char   word[WORD_BYTES];
    size_t len;

    for (size_t i = 0; i < line_len; i += len + 1) {
        len = strcspn(line + i, " \n");

        if (len > 0) {
            (void) snprintf(word, sizeof(word), "%.*s", (int) len, line + i);
            mdsctl_text_word(text, word);
        }
    }
}

void
mdsctl_text_fill(FILE *out, const char *sentences)
{
    mdsctl_text_t text = { .out = out };
    size_t        len;

    for (const char *line = sentences; *line != '\0';
         line += len + (line[len] == '\n'))
    {
        len = strcspn(line, "\n");

        if (len > 0 && line[0] != ' ') {
            fill_line(&text, line, len);
        } else {
            mdsctl_text_end(&text);
            fprintf(out, "%.*s\n", (int) len, line);
        }
    }

    mdsctl_text_end(&text);
}
