// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Removes comments from sources, so that the place of a mutation depends only on code, not on the wording of comments.
 */
final class SourceComments {
    /** Matches literals, which may contain comment delimiters, and comments. Only comments are groups. */
    private static final Pattern LITERAL_OR_COMMENT =
            Pattern.compile("\"\"\"[\\s\\S]*?\"\"\"|\"(?:\\\\.|[^\"\\\\\\n])*+\"|'(?:\\\\.|[^'\\\\\\n])++'"
                    + "|(?<line>(?m:^)[ \\t]*+(?:(?://[^\\n]*|/\\*[\\s\\S]*?\\*/)[ \\t]*+)+\\n)"
                    + "|(?<rest>[ \\t]*+(?://[^\\n]*|/\\*[\\s\\S]*?\\*/))");

    private SourceComments() {}

    /** Returns a source without its comments, and without the lines that contain only comments. */
    static String without(String source) {
        Matcher found = LITERAL_OR_COMMENT.matcher(source);
        StringBuilder code = new StringBuilder();
        while (found.find()) {
            boolean isComment = found.group("line") != null || found.group("rest") != null;
            found.appendReplacement(code, isComment ? "" : Matcher.quoteReplacement(found.group()));
        }
        return found.appendTail(code).toString();
    }
}
