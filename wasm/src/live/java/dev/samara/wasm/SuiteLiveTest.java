// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.dylibso.chicory.compiler.MachineFactoryCompiler;
import com.dylibso.chicory.runtime.ExportFunction;
import com.dylibso.chicory.runtime.GlobalInstance;
import com.dylibso.chicory.runtime.HostFunction;
import com.dylibso.chicory.runtime.ImportGlobal;
import com.dylibso.chicory.runtime.ImportMemory;
import com.dylibso.chicory.runtime.ImportTable;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.Store;
import com.dylibso.chicory.runtime.TableInstance;
import com.dylibso.chicory.wasm.ChicoryException;
import com.dylibso.chicory.wasm.Parser;
import com.dylibso.chicory.wasm.WasmModule;
import com.dylibso.chicory.wasm.types.FunctionType;
import com.dylibso.chicory.wasm.types.MemoryLimits;
import com.dylibso.chicory.wasm.types.MemorySection;
import com.dylibso.chicory.wasm.types.MutabilityType;
import com.dylibso.chicory.wasm.types.Table;
import com.dylibso.chicory.wasm.types.TableLimits;
import com.dylibso.chicory.wasm.types.ValType;
import dev.samara.core.Machine;
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
    private final List<String> failures = new ArrayList<>();
    private int passed;
    private int skipped;

    @ParameterizedTest(name = "compiled: {0}")
    @ValueSource(booleans = {false, true})
    @DisplayName("passes with linear memories, and leaves no frame in use")
    void passes(boolean isCompiled) throws IOException, InterruptedException {
        Machine machine = Machine.builder().memory(1L << 30).build();
        List<Path> scripts = scripts();
        for (Path script : scripts) {
            new Script(machine, script, isCompiled).run();
        }
        System.out.println((isCompiled ? "compiled: " : "interpreted: ") + passed + " passed, " + failures.size()
                + " failed, " + skipped + " skipped, in " + scripts.size() + " files");
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
        private final Store store = new Store();
        private final Map<String, Instance> named = new HashMap<>();

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
            Map<String, List<ValType>> functions = Map.of(
                    "print", List.of(),
                    "print_i32", List.of(ValType.I32),
                    "print_i64", List.of(ValType.I64),
                    "print_f32", List.of(ValType.F32),
                    "print_f64", List.of(ValType.F64),
                    "print_i32_f32", List.of(ValType.I32, ValType.F32),
                    "print_f64_f64", List.of(ValType.F64, ValType.F64));
            functions.forEach((name, parameters) -> store.addFunction(new HostFunction(
                    "spectest", name, FunctionType.of(parameters, List.of()), (instance, arguments) -> null)));
            addGlobal("global_i32", 666, ValType.I32);
            addGlobal("global_i64", 666, ValType.I64);
            addGlobal("global_f32", Float.floatToRawIntBits(666.6f), ValType.F32);
            addGlobal("global_f64", Double.doubleToRawLongBits(666.6), ValType.F64);
            store.addTable(new ImportTable(
                    "spectest", "table", new TableInstance(new Table(ValType.FuncRef, new TableLimits(10, 20)), -1)));
            store.addMemory(new ImportMemory("spectest", "memory", memory(new MemoryLimits(1, 2))));
            store.addMemory(new ImportMemory("spectest", "shared_memory", memory(new MemoryLimits(1, 2, true))));
        }

        private void addGlobal(String name, long value, ValType type) {
            store.addGlobal(
                    new ImportGlobal("spectest", name, new GlobalInstance(value, 0, type, MutabilityType.Const)));
        }

        private LinearMemory memory(MemoryLimits limits) {
            LinearMemory made = new LinearMemory(machine, limits);
            memories.add(made);
            return made;
        }

        void run() throws IOException {
            for (Object each : list(object(new Json(Files.readString(file)).value()), "commands")) {
                Map<String, Object> command = object(each);
                try {
                    if (does(command)) {
                        passed++;
                    } else {
                        skipped++;
                    }
                } catch (IOException | RuntimeException | Error failed) {
                    failures.add(
                            file.getFileName() + ":" + command.get("line") + " " + command.get("type") + ": " + failed);
                }
            }
            memories.forEach(LinearMemory::close);
        }

        /** Does a command. Returns false if it is about the text format or the validation of modules. */
        private boolean does(Map<String, Object> command) throws IOException {
            switch (string(command, "type")) {
                case "module" -> {
                    named.remove(LAST);
                    Instance made = instance(command);
                    named.put(LAST, made);
                    if (command.containsKey("name")) {
                        named.put(string(command, "name"), made);
                    }
                }
                case "register" -> store.register(string(command, "as"), instanceOf(command, "name"));
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

        private Instance instance(Map<String, Object> command) throws IOException {
            WasmModule module = Parser.parse(file.resolveSibling(string(command, "filename")));
            Instance.Builder builder = Instance.builder(module)
                    .withImportValues(store.toImportValues())
                    .withMemoryFactory(this::memory);
            if (isCompiled) {
                builder.withMachineFactory(MachineFactoryCompiler::compile);
            }
            return builder.build();
        }

        private boolean isRefused(Map<String, Object> command) throws IOException {
            try {
                instance(command);
                return false;
            } catch (ChicoryException refused) {
                return true;
            }
        }

        private Instance instanceOf(Map<String, Object> of, String field) {
            String name = of.containsKey(field) ? string(of, field) : LAST;
            return Objects.requireNonNull(named.get(name), "no module " + name);
        }

        private long[] act(Map<String, Object> command) {
            Map<String, Object> action = object(Objects.requireNonNull(command.get("action")));
            Instance instance = instanceOf(action, "module");
            String field = string(action, "field");
            if (string(action, "type").equals("get")) {
                return new long[] {instance.exports().global(field).getValue()};
            }
            long[] arguments = list(action, "args").stream()
                    .mapToLong(argument -> number(object(argument)))
                    .toArray();
            return entering(instance, instance.export(field)).apply(arguments);
        }

        private ExportFunction entering(Instance instance, ExportFunction function) {
            int all = instance.imports().memoryCount()
                    + instance.module()
                            .memorySection()
                            .map(MemorySection::memoryCount)
                            .orElse(0);
            ExportFunction entering = function;
            for (int i = 0; i < all; i++) {
                entering = ((LinearMemory) instance.memory(i)).entering(entering);
            }
            return entering;
        }

        private void assertTraps(Map<String, Object> command) {
            String expected = string(command, "text");
            String message;
            try {
                act(command);
                message = "no trap";
            } catch (ChicoryException | StackOverflowError trap) {
                message = String.valueOf(trap.getMessage());
                // Messages of other traps are not this module's.
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
