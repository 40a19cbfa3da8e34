// SPDX-License-Identifier: Apache-2.0
package dev.samara.site;

import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.commonmark.node.FencedCodeBlock;
import org.commonmark.node.Node;
import org.commonmark.renderer.NodeRenderer;
import org.commonmark.renderer.html.HtmlNodeRendererContext;
import org.commonmark.renderer.html.HtmlWriter;

/**
 * Writes code blocks whose tokens have classes for the style sheet: {@code comment}, {@code text} for string and
 * character literals, {@code word} for keywords, {@code note} for annotations, {@code tag} for XML names. Blocks in
 * languages that it does not know are written unchanged.
 */
final class CodeColours implements NodeRenderer {
    /** The keywords; those that may also be names are keywords only in their place. */
    private static final String WORDS = "abstract|assert|boolean|break|byte|case|catch|char|class|continue|default|do|"
            + "double|else|enum|extends|final|finally|float|for|if|implements|import|instanceof|int|interface|long|"
            + "native|new|non-sealed|null|package|private|protected|public|return|short|static|strictfp|super|switch|"
            + "synchronized|this|throw|throws|transient|try|true|false|void|volatile|while"
            + "|module(?=\\s+[\\w.]+\\s*\\{)|requires(?=\\s+[\\w. ]+;)|permits(?=\\s+[A-Z])|record(?=\\s+\\w+\\s*[(<])"
            + "|sealed(?=\\s+(?:abstract|class|interface)\\b)|var(?=\\s+\\w+\\s*[=:])|yield(?=\\s+[^\\s=])";

    /**
     * The groups have the names of the classes. Longer forms precede shorter ones, e.g. text blocks precede strings.
     */
    private static final Pattern JAVA = Pattern.compile(
            "(?<comment>//[^\\n]*|/\\*.*?\\*/)"
                    + "|(?<text>\"\"\".*?\"\"\"|\"(?:[^\"\\\\\\n]++|\\\\.)*+\"|'(?:[^'\\\\\\n]++|\\\\.)*+')"
                    + "|(?<note>@[A-Za-z]\\w*)"
                    + "|\\b(?<word>" + WORDS + ")\\b"
                    + "|(?<tag>(?!))",
            Pattern.DOTALL);

    private static final Pattern XML = Pattern.compile(
            "(?<comment><!--.*?-->)"
                    + "|(?<text>\"[^\"]*\")"
                    + "|(?<tag></?[\\w:.-]+|/?>)"
                    + "|(?<note>(?!))|(?<word>(?!))",
            Pattern.DOTALL);

    private static final Map<String, Pattern> LANGUAGES =
            Map.of("java", JAVA, "groovy", JAVA, "kotlin", JAVA, "xml", XML);

    private final HtmlWriter html;

    CodeColours(HtmlNodeRendererContext context) {
        html = context.getWriter();
    }

    @Override
    public Set<Class<? extends Node>> getNodeTypes() {
        return Set.of(FencedCodeBlock.class);
    }

    @Override
    public void render(Node node) {
        FencedCodeBlock block = (FencedCodeBlock) node;
        String language = block.getInfo() == null ? "" : block.getInfo();
        html.line();
        html.tag("pre");
        html.tag("code");
        html.raw(coloured(language, block.getLiteral()));
        html.tag("/code");
        html.tag("/pre");
        html.line();
    }

    /** Returns code as the HTML content of an element. */
    static String coloured(String language, String code) {
        Pattern pattern = LANGUAGES.get(language);
        if (pattern == null) {
            return PageTemplate.escaped(code);
        }
        StringBuilder text = new StringBuilder();
        Matcher matcher = pattern.matcher(code);
        int from = 0;
        while (matcher.find()) {
            text.append(PageTemplate.escaped(code.substring(from, matcher.start())));
            text.append("<span class=\"").append(classOf(matcher)).append("\">");
            text.append(PageTemplate.escaped(matcher.group())).append("</span>");
            from = matcher.end();
        }
        return text.append(PageTemplate.escaped(code.substring(from))).toString();
    }

    private static String classOf(Matcher matcher) {
        for (String name : new String[] {"comment", "text", "note", "word"}) {
            if (matcher.group(name) != null) {
                return name;
            }
        }
        return "tag";
    }
}
