// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.adapter;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Guest;
import dev.samara.core.Machine;
import dev.samara.core.event.Report;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.wasm.InstanceCheckpoint;
import dev.samara.wasm.InstanceImage;
import dev.samara.wasm.LinearMemory;
import dev.samara.wasm.adapter.TestedRuntime.Imports;
import dev.samara.wasm.adapter.TestedRuntime.Program;
import dev.samara.wasm.adapter.TestedRuntime.TestedInstance;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.StringJoiner;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("An increment of an instance")
final class InstanceIncrementTest {
    private static final int PAGE = 1 << 16;

    /** {@code (import "m" "a" (memory 1)) (import "m" "b" (memory 1))}, in the binary format. */
    private static final String IMPORTS_M_A_AND_M_B =
            "0061736d01000000" + "020f02" + "016d016102" + "0001" + "016d016202" + "0001";

    private final TestedRuntime runtime = TestedRuntime.get();
    private final List<Report> reports = new CopyOnWriteArrayList<>();
    private final Machine machine =
            Machine.builder().memory(64L << 20).reportTo(reports::add).build();

    /** What the function of the host does with its argument. */
    private LongConsumer host = argument -> {};

    private final Program program = runtime.program(TestModules.changes(), false);
    private TestedInstance instance = program.start(runtime.factory(machine), imports());

    @TempDir
    Path folder;

    @AfterEach
    void close() {
        end(instance);
        machine.close();
        assertEquals(List.of(), reports);
    }

    private Imports imports() {
        Imports imports = runtime.imports();
        imports.addFunction("host", "call", List.of("i32"), arguments -> host.accept(arguments[0]));
        imports.addGlobal("host", "shared", "i64", 1000, true);
        imports.addTable("host", "others", 2, 8);
        return imports;
    }

    private static LinearMemory memory(TestedInstance of) {
        return (LinearMemory) of.memory(0);
    }

    private static void end(TestedInstance of) {
        memory(of).close();
    }

    private static long call(TestedInstance of, String name, long... arguments) {
        return of.call(name, arguments)[0];
    }

    // ------------------------------------------------------------------ files

    private Path file() throws IOException {
        return Files.createTempFile(folder, "saved", "");
    }

    private static FileChannel to(Path path) throws IOException {
        return FileChannel.open(path, StandardOpenOption.WRITE);
    }

    private Path save(InstanceCheckpoint checkpoint) throws IOException {
        Path path = file();
        try (FileChannel channel = to(path)) {
            checkpoint.save(channel, Map.of());
        }
        return path;
    }

    private Path saveSince(InstanceCheckpoint base, InstanceCheckpoint checkpoint) throws IOException {
        return saveSince(base, checkpoint, Map.of());
    }

    private Path saveSince(InstanceCheckpoint base, InstanceCheckpoint checkpoint, Map<String, byte[]> sections)
            throws IOException {
        Path path = file();
        try (FileChannel channel = to(path)) {
            checkpoint.saveSince(base, channel, sections);
        }
        return path;
    }

    private InstanceImage<?> open(List<Path> chain) throws IOException {
        return program.open(
                machine, chain.get(0), imports(), chain.subList(1, chain.size()).toArray(Path[]::new));
    }

    private TestedInstance built(List<Path> chain) throws IOException {
        try (InstanceImage<?> image = open(chain)) {
            image.verify();
            return program.build(image);
        }
    }

    private String openAndDescribe(List<Path> chain) throws IOException {
        return describe(built(chain));
    }

    // ------------------------------------------------------------------ what an instance contains

    /** Describes the present state of the instance, which stays as it is. */
    private String state() {
        return describe(instance.fork(imports()));
    }

    /** Describes an instance, which ends. What it imports is not part of it. */
    private String describe(TestedInstance of) {
        StringJoiner lines = new StringJoiner("\n");
        LinearMemory memory = memory(of);
        for (int page = 0; page < memory.pages(); page++) {
            lines.add("page " + page + ": " + Arrays.hashCode(memory.readBytes(page * PAGE, PAGE)));
        }
        lines.add("count " + of.global("count") + ", wide " + of.global("wide"));
        for (int at = 0; at < call(of, "functions_size"); at++) {
            lines.add("function " + at + ": " + (call(of, "get_function", at) == 1 ? "null" : call(of, "call", at)));
        }
        lines.add("objects " + call(of, "objects_size") + ", " + call(of, "is_null", 0));
        lines.add("function of the global: " + call(of, "call_global"));
        for (String segment : List.of("init_data", "init_elements")) {
            String result;
            try {
                of.call(segment);
                result = "there";
            } catch (RuntimeException trap) {
                result = "dropped";
            }
            lines.add(segment + ": " + result);
        }
        end(of);
        return lines.toString();
    }

    /** Changes something. */
    private void change(SplittableRandom random) {
        LinearMemory memory = memory(instance);
        int kind = random.nextInt(24);
        switch (kind) {
            case 0 -> call(instance, "grow", 1);
            case 1 -> call(instance, "grow_functions", 1);
            case 2 -> instance.call("clear_function", random.nextInt(3));
            case 3 -> instance.call("clear_function", call(instance, "functions_size") - 1);
            case 4, 5, 6 -> call(instance, "change");
            case 7 -> memory.fill((byte) 0, PAGE - 70, 2 * PAGE);
            case 8 -> {
                if (random.nextInt(5) == 0) {
                    instance.call("drop");
                }
            }
            default -> memory.writeI32(random.nextInt(memory.pages()) * PAGE + random.nextInt(PAGE / 4) * 4, kind);
        }
    }

    // ------------------------------------------------------------------ tests

    @Test
    @DisplayName("has the pages that changed, and opens with its base as the image of its instant")
    void contract() throws IOException {
        memory(instance).fill((byte) 7, PAGE, 2 * PAGE);
        InstanceCheckpoint first = instance.checkpoint();
        Path base = save(first);
        String before = state();
        call(instance, "grow", 3);
        call(instance, "change");
        memory(instance).writeI32(4 * PAGE, 9);
        String after = state();
        InstanceCheckpoint second = instance.checkpoint();
        memory(instance).writeI32(4 * PAGE, 10);
        instance.call("drop");
        Path increment = saveSince(first, second, Map.of("random", new byte[] {1, 2}));
        first.close();
        assertTrue(
                Files.size(increment) < 4096 + 4 * PAGE,
                () -> increment.toFile().length() + " bytes");
        InstanceCheckpoint third = instance.checkpoint();
        Path last = saveSince(second, third);
        second.close();
        third.close();
        assertTrue(Files.size(last) < 4096 + 2 * PAGE, () -> last.toFile().length() + " bytes");
        assertEquals(before, openAndDescribe(List.of(base)));
        assertEquals(after, openAndDescribe(List.of(base, increment)));
        assertEquals(state(), openAndDescribe(List.of(base, increment, last)));
        try (InstanceImage<?> image = open(List.of(base, increment))) {
            assertArrayEquals(new byte[] {1, 2}, image.section("random"));
        }
        try (InstanceImage<?> image = open(List.of(base, increment, last))) {
            assertNull(image.section("random"));
        }
    }

    @Test
    @DisplayName("of the image of which an instance was made has what that instance wrote, and is a base itself")
    void ofItsImage() throws IOException {
        memory(instance).fill((byte) 7, PAGE, 2 * PAGE);
        List<Path> chain = new ArrayList<>(List.of(file()));
        try (FileChannel channel = to(chain.get(0))) {
            instance.save(channel, Map.of());
        }
        // In the first round of a whole image, then of increments.
        for (int i = 0; i < 3; i++) {
            end(instance);
            try (InstanceImage<?> image = open(chain)) {
                instance = program.build(image);
                memory(instance).writeI32(PAGE + 4 * i, i);
                call(instance, "grow_functions", 1);
                String expected = state();
                InstanceCheckpoint first = instance.checkpoint();
                memory(instance).writeI32(8, i);
                Path increment = saveSince(image, first);
                assertTrue(
                        Files.size(increment) < 4096 + 2 * PAGE,
                        () -> increment.toFile().length() + " bytes");
                chain.add(increment);
                assertEquals(expected, openAndDescribe(chain));
                InstanceCheckpoint second = instance.checkpoint();
                chain.add(saveSince(first, second));
                first.close();
                second.close();
                assertEquals(state(), openAndDescribe(chain));
            }
        }
    }

    /** A saved checkpoint: the files that open as its image, and what they must contain. */
    private record Saved(InstanceCheckpoint checkpoint, List<Path> chain, String expected) {}

    /** An image of which the instance of a script was made, and its files. */
    private record Origin(InstanceImage<?> image, List<Path> chain) {}

    private Origin originOf(List<Path> chain) throws IOException {
        InstanceImage<?> image = open(chain);
        end(instance);
        instance = program.build(image);
        return new Origin(image, chain);
    }

    private Path saveSince(InstanceImage<?> base, InstanceCheckpoint checkpoint) throws IOException {
        Path path = file();
        try (FileChannel channel = to(path)) {
            checkpoint.saveSince(base, channel, Map.of());
        }
        return path;
    }

    private Saved saved(@Nullable Origin origin, List<Saved> open, SplittableRandom random) throws IOException {
        InstanceCheckpoint checkpoint = instance.checkpoint();
        String expected = state();
        for (int i = random.nextInt(6); i > 0; i--) {
            change(random);
        }
        List<Path> chain = new ArrayList<>();
        if (origin != null && (open.isEmpty() || random.nextInt(4) == 0)) {
            chain.addAll(origin.chain);
            chain.add(saveSince(origin.image, checkpoint));
        } else if (open.isEmpty() || random.nextInt(8) == 0) {
            chain.add(save(checkpoint));
        } else {
            Saved base = open.get(Math.max(open.size() - 1 - random.nextInt(4), 0));
            chain.addAll(base.chain);
            chain.add(saveSince(base.checkpoint, checkpoint));
        }
        assertEquals(expected, openAndDescribe(chain));
        return new Saved(checkpoint, chain, expected);
    }

    @ParameterizedTest(name = "loaded {0}")
    @ValueSource(booleans = {false, true})
    @DisplayName("has the state of its instant, in a random script of requests, saves and restores")
    void random(boolean isLoaded) throws IOException {
        long seed = Long.getLong("samara.seed", System.nanoTime());
        try {
            script(isLoaded, new SplittableRandom(seed));
        } catch (AssertionError | RuntimeException failed) {
            throw new AssertionError("seed " + seed, failed);
        }
    }

    private void script(boolean isLoaded, SplittableRandom random) throws IOException {
        for (int i = 0; i < 10; i++) {
            change(random);
        }
        Origin origin = null;
        if (isLoaded) {
            try (InstanceCheckpoint checkpoint = instance.checkpoint()) {
                origin = originOf(List.of(save(checkpoint)));
            }
        }
        List<Saved> open = new ArrayList<>();
        for (int step = 0; step < 150; step++) {
            change(random);
            if (random.nextInt(6) == 0) {
                open.add(saved(origin, open, random));
            }
            if (origin != null && !open.isEmpty() && random.nextInt(30) == 0) {
                // Goes on with another instance of one of the chains, or with a copy.
                List<Path> chain = open.get(random.nextInt(open.size())).chain;
                open.forEach(saved -> saved.checkpoint.close());
                open.clear();
                if (random.nextInt(3) == 0) {
                    TestedInstance copy = instance.fork(imports());
                    end(instance);
                    instance = copy;
                } else {
                    origin.image.close();
                    origin = originOf(chain);
                }
            }
            if (!open.isEmpty() && random.nextInt(20) == 0) {
                int chosen = random.nextInt(open.size());
                open.get(chosen).checkpoint.restore();
                open.subList(chosen + 1, open.size()).clear();
                assertEquals(open.get(chosen).expected, state());
            }
            if (open.size() > 1 && random.nextInt(8) == 0) {
                open.remove(random.nextInt(open.size())).checkpoint.close();
            }
            if (!open.isEmpty() && random.nextInt(20) == 0) {
                // Of the same instant, whatever changed since.
                Saved again = open.get(random.nextInt(open.size()));
                assertEquals(again.expected, openAndDescribe(List.of(save(again.checkpoint))));
            }
        }
        open.forEach(saved -> saved.checkpoint.close());
        if (origin != null) {
            origin.image.close();
        }
    }

    @Test
    @DisplayName("is written while another thread makes calls, and has the state of its instant")
    void besideCalls() throws Exception {
        AtomicBoolean isDone = new AtomicBoolean();
        // One thread at a time uses the instance; the saves of its checkpoints need no lock.
        ReentrantLock use = new ReentrantLock(true);
        FutureTask<Void> calls = new FutureTask<>(
                () -> {
                    while (!isDone.get()) {
                        use.lock();
                        try {
                            call(instance, "change");
                        } finally {
                            use.unlock();
                        }
                    }
                },
                null);
        List<InstanceCheckpoint> checkpoints = new ArrayList<>();
        List<Path> chain = new ArrayList<>();
        new Thread(calls, "calls").start();
        try {
            for (int i = 0; i < 20; i++) {
                InstanceCheckpoint next;
                use.lock();
                try {
                    next = instance.checkpoint();
                } finally {
                    use.unlock();
                }
                chain.add(i == 0 ? save(next) : saveSince(checkpoints.get(i - 1), next));
                checkpoints.add(next);
            }
        } finally {
            isDone.set(true);
            calls.get();
        }
        for (int i = checkpoints.size() - 1; i >= 0; i--) {
            checkpoints.get(i).restore();
            assertEquals(state(), openAndDescribe(chain.subList(0, i + 1)), "increment " + i);
        }
        Collections.reverse(checkpoints);
        checkpoints.forEach(InstanceCheckpoint::close);
    }

    @Test
    @DisplayName("is written by a function of the host within a call, and refused to a thread in GUEST")
    void withinCall() throws IOException {
        try (InstanceCheckpoint first = instance.checkpoint()) {
            Path base = save(first);
            call(instance, "change");
            String expected = state();
            try (InstanceCheckpoint second = instance.checkpoint()) {
                List<Path> increments = new ArrayList<>();
                host = argument -> {
                    increments.add(unchecked(first, second));
                    memory(instance).leave(() -> increments.add(unchecked(first, second)));
                };
                call(instance, "change");
                assertEquals(2, increments.size());
                for (Path increment : increments) {
                    assertEquals(expected, openAndDescribe(List.of(base, increment)));
                }
                try (AddressSpace other = machine.newSpace(LinearMemory.PAGES_64K);
                        Guest entered = other.enter()) {
                    refused(IllegalStateException.class, () -> saveSince(first, second));
                    refused(IllegalStateException.class, () -> save(second));
                    entered.poll();
                }
            }
        }
    }

    private Path unchecked(InstanceCheckpoint base, InstanceCheckpoint checkpoint) {
        try {
            return saveSince(base, checkpoint);
        } catch (IOException failed) {
            throw new AssertionError(failed);
        }
    }

    @Test
    @DisplayName("is refused with a base that is not saved, not older, closed, or of another memory")
    void wrongBases() throws IOException {
        InstanceCheckpoint first = instance.checkpoint();
        InstanceCheckpoint second = instance.checkpoint();
        refused(IllegalStateException.class, () -> saveSince(first, second));
        Path base = save(first);
        save(second);
        refused(IllegalArgumentException.class, () -> saveSince(second, first));
        refused(IllegalArgumentException.class, () -> saveSince(first, first));
        TestedInstance other = instance.fork(imports());
        try (InstanceCheckpoint foreign = other.checkpoint()) {
            refused(IllegalArgumentException.class, () -> saveSince(first, foreign));
        }
        end(other);
        Path increment = saveSince(first, second);
        first.close();
        refused(IllegalStateException.class, () -> saveSince(first, second));
        refused(IllegalStateException.class, () -> save(first));
        try (InstanceCheckpoint third = instance.checkpoint()) {
            Path last = saveSince(second, third);
            openAndDescribe(List.of(base, increment, last));
            refused(IOException.class, () -> openAndDescribe(List.of(increment)));
            refused(IOException.class, () -> openAndDescribe(List.of(base, last)));
            refused(IOException.class, () -> openAndDescribe(List.of(base, last, increment)));
            refused(IllegalArgumentException.class, () -> openAndDescribe(Collections.nCopies(65, base)));
            second.restore();
            refused(IllegalStateException.class, () -> saveSince(second, third));
        }
        end(instance);
        MmException ended = assertThrows(MmException.class, () -> save(second));
        assertEquals(Errno.ESRCH, ended.errno());
        second.close();
    }

    private static void refused(Class<? extends Exception> type, Executable call) {
        assertThrows(type, call);
    }

    @Test
    @DisplayName("is refused for several instances, none, several memories, other values, and a section's name")
    void wrongContents() throws IOException {
        TestedInstance other = instance.fork(imports());
        try (InstanceCheckpoint both = instance.checkpoint(other)) {
            refused(IllegalArgumentException.class, () -> save(both));
        }
        end(other);
        try (InstanceCheckpoint none = new InstanceCheckpoint(List.of(memory(instance)), List.of())) {
            refused(IllegalArgumentException.class, () -> save(none));
        }
        Imports memories = runtime.imports();
        List<LinearMemory> imported = List.of(
                runtime.linearMemory(machine, LinearMemory.PAGES_64K, 1, 1, false),
                runtime.linearMemory(machine, LinearMemory.PAGES_64K, 1, 1, false));
        memories.addMemory("m", "a", imported.get(0));
        memories.addMemory("m", "b", imported.get(1));
        TestedInstance several = runtime.program(HexFormat.of().parseHex(IMPORTS_M_A_AND_M_B), false)
                .start(runtime.factory(machine), memories);
        try (InstanceCheckpoint of = several.checkpoint()) {
            refused(IllegalArgumentException.class, () -> save(of));
        }
        imported.forEach(LinearMemory::close);
        InstanceCheckpoint single = instance.checkpoint();
        Path base = save(single);
        Map<String, byte[]> named = Map.of("dev.samara.wasm.values", new byte[1]);
        refused(IllegalArgumentException.class, () -> single.save(nowhere(), named));
        instance.call("put", 0, 42);
        InstanceCheckpoint withObject = instance.checkpoint();
        refused(IllegalArgumentException.class, () -> save(withObject));
        refused(IllegalArgumentException.class, () -> saveSince(single, withObject));
        single.restore();
        String state = state();
        instance.call("put", 0, 43);
        // The object came later.
        assertEquals(state, openAndDescribe(List.of(save(single))));
        assertEquals(state, openAndDescribe(List.of(base)));
        single.close();
    }

    private static WritableByteChannel nowhere() {
        return Channels.newChannel(new ByteArrayOutputStream());
    }

    @Test
    @DisplayName("is no image if its checkpoint is restored or closed during the save")
    void overtaken() throws IOException {
        try (InstanceCheckpoint first = instance.checkpoint()) {
            save(first);
            for (boolean isClosed : new boolean[] {false, true}) {
                call(instance, "change");
                InstanceCheckpoint second = instance.checkpoint();
                boolean[] isDone = {false};
                WritableByteChannel channel = new WritableByteChannel() {
                    @Override
                    public int write(ByteBuffer source) {
                        if (!isDone[0]) {
                            isDone[0] = true;
                            if (isClosed) {
                                second.close();
                            } else {
                                second.restore();
                            }
                        }
                        int size = source.remaining();
                        source.position(source.limit());
                        return size;
                    }

                    @Override
                    public boolean isOpen() {
                        return true;
                    }

                    @Override
                    public void close() {}
                };
                assertThrows(IllegalStateException.class, () -> second.saveSince(first, channel, Map.of()));
                second.close();
            }
        }
    }
}
