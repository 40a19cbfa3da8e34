// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Parses a line of a script, as {@link Step#toString} writes it. */
final class ScriptText {
    private final String text;
    private int at;

    private ScriptText(String text) {
        this.text = text;
    }

    /** Parses a script with one step per line. */
    static List<Step> parse(List<String> lines) {
        return lines.stream().map(line -> new ScriptText(line.strip()).step()).toList();
    }

    static String of(List<Step> script) {
        return script.stream().map(Step::toString).collect(Collectors.joining("\n", "", "\n"));
    }

    private IllegalArgumentException wrong(String why) {
        return new IllegalArgumentException("at " + at + " of '" + text + "': " + why);
    }

    private Step step() {
        int task = 0;
        if (Character.isDigit(text.charAt(0))) {
            task = (int) number();
            expect(':');
        }
        String word = word();
        Step found = switch (word) {
            case "await" -> new Step.Await(task);
            case "fork", "thread" -> new Step.Make(task, word.equals("thread"));
            case "keep" -> new Step.Keep(task, (int) number());
            case "spawn" ->
                new Step.Spawn(
                        task, word().equals("clone3"), number(), number(), (Step.Call) call(0, Step.Way.PLAIN, word()));
            case "load" -> new Step.Load(task, (int) number(), number());
            case "store" -> new Step.Store(task, (int) number(), number(), number());
            case "begin" -> call(task, Step.Way.BEGUN, word());
            case "repeat" -> call(task, Step.Way.REPEATED, word());
            default -> call(task, Step.Way.PLAIN, word);
        };
        blanks();
        if (at != text.length()) {
            throw wrong("there is more");
        }
        return found;
    }

    private Step call(int task, Step.Way way, String name) {
        List<Argument> arguments = new ArrayList<>();
        expect('(');
        while (!taken(')')) {
            if (!arguments.isEmpty()) {
                expect(',');
            }
            arguments.add(argument());
        }
        return new Step.Call(task, way, JudgedCall.of(name), List.copyOf(arguments));
    }

    private Argument argument() {
        blanks();
        char first = text.charAt(at);
        if (first == '"') {
            return new Argument.Text(quoted());
        }
        if (first == '{') {
            return fields();
        }
        if (first == '-' && Character.isLetter(text.charAt(at + 1))) {
            at++;
            return taskNumber(word(), true);
        }
        if (first == '-' || Character.isDigit(first)) {
            return new Argument.Numeric(number());
        }
        String word = word();
        return switch (word) {
            case "key" -> new Argument.SegmentKey();
            case "bad" -> new Argument.Bad();
            case "readonly" -> new Argument.ReadOnly();
            case "buf" -> new Argument.Buffer((int) number());
            case "edge" -> new Argument.Edge((int) number());
            case "out" -> new Argument.Out(Structure.valueOf(word().toUpperCase(Locale.ROOT)));
            default -> word.startsWith("kept") ? kept(word) : taskNumber(word, false);
        };
    }

    private static Argument kept(String word) {
        return new Argument.Kept(Integer.parseInt(word.substring(4)));
    }

    private Argument taskNumber(String word, boolean isNegative) {
        if (!word.startsWith("pid") && !word.startsWith("tid")) {
            throw wrong(word + " is no argument");
        }
        return new Argument.TaskNumber(word.startsWith("tid"), Integer.parseInt(word.substring(3)), isNegative);
    }

    private Argument fields() {
        List<Argument.Field> fields = new ArrayList<>();
        expect('{');
        while (!taken('}')) {
            char kind = character();
            if (kind == 'p') {
                expect('(');
                fields.add(new Argument.Field(kind, argument()));
                expect(')');
            } else {
                fields.add(new Argument.Field(kind, argument()));
            }
        }
        return new Argument.Fields(List.copyOf(fields));
    }

    private String quoted() {
        expect('"');
        StringBuilder found = new StringBuilder();
        while (text.charAt(at) != '"') {
            if (text.charAt(at) == '\\') {
                found.append((char) Integer.parseInt(text.substring(at + 2, at + 4), 16));
                at += 4;
            } else {
                found.append(text.charAt(at++));
            }
        }
        at++;
        return found.toString();
    }

    private long number() {
        blanks();
        int start = at;
        boolean isHex = text.startsWith("0x", at);
        at += isHex ? 2 : text.startsWith("-", at) ? 1 : 0;
        while (at < text.length() && Character.digit(text.charAt(at), isHex ? 16 : 10) >= 0) {
            at++;
        }
        return isHex
                ? Long.parseUnsignedLong(text.substring(start + 2, at), 16)
                : Long.parseLong(text.substring(start, at));
    }

    private String word() {
        blanks();
        int start = at;
        while (at < text.length() && (Character.isLetterOrDigit(text.charAt(at)) || text.charAt(at) == '_')) {
            at++;
        }
        if (start == at) {
            throw wrong("a word is missing");
        }
        return text.substring(start, at);
    }

    private char character() {
        blanks();
        return text.charAt(at++);
    }

    private void blanks() {
        while (at < text.length() && text.charAt(at) == ' ') {
            at++;
        }
    }

    private boolean taken(char wanted) {
        blanks();
        if (at < text.length() && text.charAt(at) == wanted) {
            at++;
            return true;
        }
        return false;
    }

    private void expect(char wanted) {
        if (!taken(wanted)) {
            throw wrong(wanted + " is missing");
        }
    }
}
