// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.chart;

import dev.samara.bench.report.UsageException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * {@code tables PROJECT}: fills the marked blocks of a project's documents from its raw files.
 *
 * <p>A block is between the lines {@code <!-- figures: NAME -->} and {@code <!-- end of figures -->}.
 */
public final class TableProgram {
    /** The documents with blocks. */
    static final List<String> PAGES =
            List.of("README.md", "maple/README.md", "docs/performance.md", "docs/measurements/README.md");

    private static final Pattern BLOCK =
            Pattern.compile("(<!-- figures: (\\S+) -->\n)(?s:.*?)(<!-- end of figures -->\n)");

    private TableProgram() {}

    /**
     * Fills the blocks of all documents.
     *
     * @param words the command line
     * @param out receives the names of the documents that changed
     * @throws UsageException if the command line, a document or a raw file is invalid
     */
    public static void run(List<String> words, PrintStream out) {
        if (words.size() != 1) {
            throw new UsageException("tables needs the directory of the project, and nothing else");
        }
        Path project = Path.of(words.get(0));
        for (String name : PAGES) {
            Path page = project.resolve(name);
            try {
                String text = Files.readString(page);
                String filled = filled(page, text, project.resolve(Path.of("docs", "measurements")));
                if (!filled.equals(text)) {
                    Files.writeString(page, filled);
                    out.println(page);
                }
            } catch (IOException e) {
                throw new UsageException("cannot read or write " + page + ": " + e.getMessage());
            }
        }
    }

    /** Returns the text of a page with its blocks filled. */
    static String filled(Path page, String text, Path measurements) {
        Matcher blocks = BLOCK.matcher(text);
        String filled = blocks.replaceAll(block ->
                Matcher.quoteReplacement(block.group(1) + content(page, block, measurements) + block.group(3)));
        long begun =
                text.lines().filter(line -> line.startsWith("<!-- figures:")).count();
        if (begun != BLOCK.matcher(text).results().count()) {
            throw new UsageException(page + " has a block of figures that does not end");
        }
        return filled;
    }

    private static String content(Path page, MatchResult block, Path measurements) {
        @Nullable String content = ComparedTables.block(block.group(2), measurements);
        if (content == null) {
            throw new UsageException(page + " has a block of unknown figures: " + block.group(2));
        }
        // Without the empty lines, Markdown would treat the table as part of the preceding comment.
        return "\n" + content + "\n";
    }
}
