// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.samara.core.Machine;
import dev.samara.wasm.InstanceCheckpoint;
import dev.samara.wasm.LinearMemory;
import dev.samara.wasm.adapter.TestedRuntime.Imports;
import dev.samara.wasm.adapter.TestedRuntime.TestedInstance;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Runs scripts of WebAssembly's test suite, which is not part of this project: the files that {@code wast2json} makes
 * of them, in the folder that the property {@code wasm.suite} names.
 */
@Tag("suite")
@Timeout(14_400)
@EnabledIfSystemProperty(named = "wasm.suite", matches = ".+")
@DisplayName("WebAssembly's test suite")
final class SuiteLiveTest {
    private final TestedRuntime runtime = TestedRuntime.get();
    private final List<String> failures = new ArrayList<>();
    private int passed;
    private int skipped;
    private int restored;

    @ParameterizedTest(name = "compiled: {0}")
    @ValueSource(booleans = {false, true})
    @DisplayName("passes with linear memories, and leaves no frame in use")
    void passes(boolean isCompiled) throws IOException, InterruptedException {
        assumeTrue(runtime.compiles() || !isCompiled, "a compiler for the version of the runtime");
        Machine machine = Machine.builder().memory(1L << 30).build();
        List<Path> scripts = scripts();
        for (Path script : scripts) {
            new Script(machine, script, isCompiled).run();
        }
        System.out.println((isCompiled ? "compiled: " : "interpreted: ") + passed + " passed, " + failures.size()
                + " failed, " + skipped + " skipped, " + restored + " once more after a restore, in " + scripts.size()
                + " files");
        assertEquals(List.of(), failures);
        assertTrue(passed > 0, "nothing ran");
        machine.awaitQuiescence();
        assertEquals(0, machine.statistics().framesInUse());
        machine.close();
    }

    private static List<Path> scripts() throws IOException {
        try (Stream<Path> files = Files.list(Path.of(System.getProperty("wasm.suite")))) {
            return files.filter(file -> file.toString().endsWith(".json"))
                    .sorted()
                    .toList();
        }
    }

    /** One script, with the instances and the registered exports that its commands use. */
    private final class Script {
        private final Machine machine;
        private final Path file;
        private final boolean isCompiled;
        private final List<LinearMemory> memories = new ArrayList<>();
        private final Imports imports = runtime.imports();
        private final Map<String, TestedInstance> named = new HashMap<>();

        /** The commands since the last instance was made, and a checkpoint of that instance. */
        private final List<Map<String, Object>> later = new ArrayList<>();

        private @Nullable InstanceCheckpoint checkpoint;

        /** The instance of the last module, by the name null. */
        private static final String LAST = "";

        Script(Machine machine, Path file, boolean isCompiled) {
            this.machine = machine;
            this.file = file;
            this.isCompiled = isCompiled;
            addHost();
        }

        /** Adds the module {@code spectest}, which the suite expects of each host. */
        private void addHost() {
            Map<String, List<String>> functions = Map.of(
                    "print", List.of(),
                    "print_i32", List.of("i32"),
                    "print_i64", List.of("i64"),
                    "print_f32", List.of("f32"),
                    "print_f64", List.of("f64"),
                    "print_i32_f32", List.of("i32", "f32"),
                    "print_f64_f64", List.of("f64", "f64"));
            functions.forEach((name, parameters) -> imports.addFunction("spectest", name, parameters, arguments -> {}));
            imports.addGlobal("spectest", "global_i32", "i32", 666, false);
            imports.addGlobal("spectest", "global_i64", "i64", 666, false);
            imports.addGlobal("spectest", "global_f32", "f32", Float.floatToRawIntBits(666.6f), false);
            imports.addGlobal("spectest", "global_f64", "f64", Double.doubleToRawLongBits(666.6), false);
            imports.addTable("spectest", "table", 10, 20);
            imports.addMemory("spectest", "memory", memory(1, 2, false));
            imports.addMemory("spectest", "shared_memory", memory(1, 2, true));
        }

        private LinearMemory memory(int initial, int maximum, boolean isShared) {
            LinearMemory made = runtime.linearMemory(machine, LinearMemory.PAGES_64K, initial, maximum, isShared);
            memories.add(made);
            return made;
        }

        void run() throws IOException {
            for (Object each : list(object(new Json(Files.readString(file)).value()), "commands")) {
                Map<String, Object> command = object(each);
                if (string(command, "type").equals("module")) {
                    again();
                }
                if (does(command, "")) {
                    passed++;
                } else {
                    skipped++;
                }
                if (!string(command, "type").equals("module")) {
                    later.add(command);
                }
            }
            again();
            memories.forEach(LinearMemory::close);
        }

        /** Does a command, and notes if it fails. Returns false if it does nothing. */
        private boolean does(Map<String, Object> command, String when) {
            try {
                return does(command);
            } catch (IOException | RuntimeException | Error failed) {
                failures.add(file.getFileName() + ":" + command.get("line") + " " + command.get("type") + when + ": "
                        + failed);
                return true;
            }
        }

        /**
         * Restores the last instance, does all that was done since it was made once more, and closes its checkpoint.
         * Not after commands that use another instance or make one, because those are not restored.
         */
        private void again() {
            InstanceCheckpoint of = checkpoint;
            checkpoint = null;
            if (of != null) {
                if (later.stream().allMatch(Script::isOfLast)) {
                    of.restore();
                    for (Map<String, Object> command : later) {
                        if (does(command, ", restored")) {
                            restored++;
                        }
                    }
                }
                of.close();
            }
            later.clear();
        }

        private static boolean isOfLast(Map<String, Object> command) {
            return switch (string(command, "type")) {
                case "register", "assert_uninstantiable", "assert_unlinkable" -> false;
                case "action", "assert_return", "assert_trap", "assert_exhaustion" ->
                    !object(Objects.requireNonNull(command.get("action"))).containsKey("module");
                default -> true;
            };
        }

        /** Does a command. Returns false if it is about the text format or the validation of modules. */
        private boolean does(Map<String, Object> command) throws IOException {
            switch (string(command, "type")) {
                case "module" -> {
                    named.remove(LAST);
                    TestedInstance made = instance(command);
                    named.put(LAST, made);
                    checkpoint = made.checkpoint();
                    if (command.containsKey("name")) {
                        named.put(string(command, "name"), made);
                    }
                }
                case "register" -> imports.addExports(string(command, "as"), instanceOf(command, "name"));
                case "action" -> act(command);
                case "assert_return" -> {
                    long[] results = act(command);
                    List<Object> expected = list(command, "expected");
                    for (int i = 0; i < expected.size(); i++) {
                        assertTrue(isResult(object(expected.get(i)), results[i]), expected + ", not " + results[i]);
                    }
                }
                case "assert_trap", "assert_exhaustion" -> assertTraps(command);
                case "assert_uninstantiable", "assert_unlinkable" -> assertTrue(isRefused(command), "no error");
                default -> {
                    return false;
                }
            }
            return true;
        }

        private TestedInstance instance(Map<String, Object> command) throws IOException {
            byte[] module = Files.readAllBytes(file.resolveSibling(string(command, "filename")));
            return runtime.program(module, isCompiled).start(this::memory, imports);
        }

        private boolean isRefused(Map<String, Object> command) throws IOException {
            try {
                instance(command);
                return false;
            } catch (RuntimeException refused) {
                if (!runtime.exceptionType().isInstance(refused)) {
                    throw refused;
                }
                return true;
            }
        }

        private TestedInstance instanceOf(Map<String, Object> of, String field) {
            String name = of.containsKey(field) ? string(of, field) : LAST;
            return Objects.requireNonNull(named.get(name), "no module " + name);
        }

        private long[] act(Map<String, Object> command) {
            Map<String, Object> action = object(Objects.requireNonNull(command.get("action")));
            TestedInstance instance = instanceOf(action, "module");
            String field = string(action, "field");
            if (string(action, "type").equals("get")) {
                return new long[] {instance.global(field)};
            }
            long[] arguments = list(action, "args").stream()
                    .mapToLong(argument -> number(object(argument)))
                    .toArray();
            return instance.call(field, arguments);
        }

        private void assertTraps(Map<String, Object> command) {
            String expected = string(command, "text");
            String message;
            try {
                act(command);
                message = "no trap";
            } catch (RuntimeException | StackOverflowError trap) {
                assertTrue(
                        trap instanceof StackOverflowError
                                || runtime.exceptionType().isInstance(trap),
                        trap::toString);
                message = String.valueOf(trap.getMessage());
                // Messages of other traps are not the memory's.
                if (!expected.startsWith("out of bounds memory")) {
                    return;
                }
            }
            assertTrue(message.startsWith("out of bounds memory"), expected + ", not " + message);
        }
    }

    private static boolean isResult(Map<String, Object> expected, long result) {
        String value = string(expected, "value");
        return switch (string(expected, "type")) {
            case "f32" -> {
                int bits = (int) result;
                yield Float.isNaN(Float.intBitsToFloat(bits))
                        ? value.startsWith("nan:") || isEqualNaN((int) number(expected) ^ bits, Integer.MIN_VALUE)
                        : !value.startsWith("nan:") && (int) number(expected) == bits;
            }
            case "f64" ->
                Double.isNaN(Double.longBitsToDouble(result))
                        ? value.startsWith("nan:") || isEqualNaN(number(expected) ^ result, Long.MIN_VALUE)
                        : !value.startsWith("nan:") && number(expected) == result;
            case "i32" -> (int) number(expected) == (int) result;
            default -> number(expected) == result;
        };
    }

    /** Returns whether two NaNs are equal, except for their signs, which {@link Math#copySign} may ignore. */
    private static boolean isEqualNaN(long difference, long sign) {
        return (difference & ~sign) == 0;
    }

    private static long number(Map<String, Object> of) {
        String type = string(of, "type");
        String value = string(of, "value");
        if (type.equals("externref") || type.equals("funcref")) {
            return value.equals("null") ? -1 : Long.parseLong(value);
        }
        return type.endsWith("32") ? Integer.parseUnsignedInt(value) : Long.parseUnsignedLong(value);
    }

    private static String string(Map<String, Object> of, String name) {
        return (String) Objects.requireNonNull(of.get(name), name);
    }

    @SuppressWarnings("unchecked") // as the reader of JSON makes it
    private static Map<String, Object> object(Object value) {
        return (Map<String, Object>) value;
    }

    @SuppressWarnings("unchecked") // as the reader of JSON makes it
    private static List<Object> list(Map<String, Object> of, String name) {
        return (List<Object>) Objects.requireNonNull(of.get(name), name);
    }

    /** Reads the JSON of {@code wast2json}: objects, arrays, strings, and numbers, which stay text. */
    private static final class Json {
        private final String text;
        private int at;

        Json(String text) {
            this.text = text;
        }

        /** Returns the next character that is neither white space nor a separator. */
        private char next() {
            while (" \n\r\t,:".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
            return text.charAt(at);
        }

        Object value() {
            switch (next()) {
                case '{' -> {
                    Map<String, Object> members = new LinkedHashMap<>();
                    for (at++; next() != '}'; ) {
                        members.put(string(), value());
                    }
                    at++;
                    return members;
                }
                case '[' -> {
                    List<Object> elements = new ArrayList<>();
                    for (at++; next() != ']'; ) {
                        elements.add(value());
                    }
                    at++;
                    return elements;
                }
                case '"' -> {
                    return string();
                }
                default -> {
                    int from = at;
                    while (",]} \n".indexOf(text.charAt(at)) < 0) {
                        at++;
                    }
                    return text.substring(from, at);
                }
            }
        }

        private String string() {
            next();
            StringBuilder read = new StringBuilder();
            for (at++; text.charAt(at) != '"'; at++) {
                read.append(text.charAt(at) == '\\' ? escaped() : text.charAt(at));
            }
            at++;
            return read.toString();
        }

        private char escaped() {
            char letter = text.charAt(++at);
            if (letter == 'u') {
                at += 4;
                return (char) Integer.parseInt(text.substring(at - 3, at + 1), 16);
            }
            int control = "nrtbf".indexOf(letter);
            return control < 0 ? letter : "\n\r\t\b\f".charAt(control);
        }
    }
}
