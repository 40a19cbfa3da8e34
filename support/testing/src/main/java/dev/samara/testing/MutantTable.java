// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A table of mutants in a document, which a test generates from their declarations. It is between the lines
 * {@code <!-- mutants: NAME -->} and {@code <!-- end of mutants -->}. A run with {@code -Dmutants.write=true} rewrites
 * the tables that differ (docs/testing.md).
 *
 * @param page the document
 * @param name the name of the block
 * @param columns the titles of the columns
 * @param rows the cells of each row
 */
public record MutantTable(Path page, String name, List<String> columns, List<List<String>> rows) {
    private static final boolean WRITES = Boolean.getBoolean("mutants.write");
    private static final Pattern BLOCK =
            Pattern.compile("(?s)<!-- mutants: (\\w+) -->\n\n(.*?)\n<!-- end of mutants -->\n");

    /**
     * Describes a table.
     *
     * @param page the document
     * @param name the name of the block
     * @param columns the titles of the columns
     * @param rows the cells of each row
     * @throws IllegalArgumentException if a row's number of cells differs from the number of columns
     */
    public MutantTable {
        for (List<String> row : rows) {
            if (row.size() != columns.size()) {
                throw new IllegalArgumentException("rows: " + row + " of " + columns);
            }
        }
    }

    /**
     * {@return the names of the blocks of a document, in their order}
     *
     * @param page the document
     */
    public static List<String> names(Path page) {
        return BLOCK.matcher(Project.read(page))
                .results()
                .map(block -> block.group(1))
                .toList();
    }

    /** {@return the generated table} */
    public String generated() {
        StringBuilder table = new StringBuilder();
        line(table, columns);
        table.append("|---".repeat(columns.size())).append("|\n");
        rows.forEach(row -> line(table, row));
        return table.toString();
    }

    private static void line(StringBuilder table, List<String> cells) {
        cells.forEach(cell ->
                table.append('|').append(cell.isEmpty() ? "" : ' ' + cell).append(' '));
        table.append("|\n");
    }

    /**
     * {@return the table in the document, which is rewritten first if the tests were started for that}
     *
     * @throws IllegalStateException if the document has no block of the name, or several
     */
    public String written() {
        if (WRITES) {
            write();
        }
        String text = Project.read(page);
        MatchResult block = block(text);
        return block.group(2);
    }

    /** Replaces the table in the document with the generated one. */
    void write() {
        String text = Project.read(page);
        MatchResult block = block(text);
        try {
            Files.writeString(page, text.substring(0, block.start(2)) + generated() + text.substring(block.end(2)));
        } catch (IOException failed) {
            throw new UncheckedIOException(page + " cannot be written", failed);
        }
    }

    private MatchResult block(String text) {
        Matcher blocks = BLOCK.matcher(text);
        List<MatchResult> own =
                blocks.results().filter(block -> block.group(1).equals(name)).toList();
        if (own.size() != 1) {
            throw new IllegalStateException(page + " has " + own.size() + " blocks of mutants " + name);
        }
        return own.get(0);
    }
}
