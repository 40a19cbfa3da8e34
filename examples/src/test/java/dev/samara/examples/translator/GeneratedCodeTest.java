// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.translator;

import static dev.samara.core.mman.Mman.EXEC;
import static dev.samara.core.mman.Mman.FIXED;
import static dev.samara.core.mman.Mman.READ;
import static dev.samara.core.mman.Mman.SHARED;
import static dev.samara.core.mman.Mman.WRITE;
import static dev.samara.examples.translator.GeneratedCode.LEFT;
import static dev.samara.examples.translator.GeneratedCode.PAGE;
import static dev.samara.examples.translator.GeneratedCode.SUM;
import static dev.samara.examples.translator.GeneratedCode.TO;
import static dev.samara.examples.translator.GeneratedCode.counting;
import static dev.samara.examples.translator.GeneratedCode.map;
import static dev.samara.examples.translator.GeneratedCode.toy;
import static dev.samara.examples.translator.GeneratedCode.write;
import static dev.samara.examples.translator.ToyInstruction.ToyOperation.BRANCH;
import static dev.samara.examples.translator.ToyInstruction.ToyOperation.FENCE;
import static dev.samara.examples.translator.ToyInstruction.ToyOperation.HALT;
import static dev.samara.examples.translator.ToyInstruction.ToyOperation.LOAD;
import static dev.samara.examples.translator.ToyInstruction.ToyOperation.SET;
import static dev.samara.examples.translator.ToyInstruction.ToyOperation.STORE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.MemoryFile;
import dev.samara.examples.Printed;
import dev.samara.testing.Share;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.stream.LongStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Compares translated loops of the toy guest with the interpreter, and tests them with concurrent changes by other
 * threads.
 */
@Timeout(value = 300, threadMode = Timeout.ThreadMode.SAME_THREAD)
final class GeneratedCodeTest {
    /** The number of random loops that do not all end in the same way. */
    private static final int ENOUGH = 10;

    private static final int BYTES = ToyInstruction.BYTES;
    private static final long MANY = 200_000;

    private volatile boolean hasEnded;

    @Test
    @DisplayName("the example prints what it says")
    void prints() throws Exception {
        List<String> lines = Printed.by(() -> GeneratedCode.main(new String[0]));
        assertEquals(
                List.of(
                        "Interpreter: halted, sum 387422500, last word 387422500, translations 0",
                        "Generated code: halted, sum 387422500, last word 387422500, translations 1",
                        "munmap: SEGV_MAPERR at 0xpage, pc 0xstore"),
                lines);
    }

    private static void onGuest(boolean checked, BiConsumer<AddressSpace, Cpu> body) {
        Machine machine = Machine.builder().memory(4 << 20).checked(checked).build();
        try (AddressSpace space = machine.newSpace(GeneratedCode.GEOMETRY);
                Cpu cpu = machine.claimCpu()) {
            body.accept(space, cpu);
        }
        // Page tables of files exist until the files are closed.
        assertEquals(0, machine.statistics().pageTableBytes());
    }

    /** Runs a program of random accesses; returns how it ended, and all registers. */
    private static String outcome(long seed, boolean translates, boolean checked) {
        StringBuilder outcome = new StringBuilder();
        onGuest(checked, (space, cpu) -> {
            SplittableRandom random = new SplittableRandom(seed);
            long code = 0x10_0000;
            long data = 0x20_0000;
            space.throwing().mmap(code, PAGE, READ | WRITE | EXEC, 0x32, null, 0);
            space.throwing().mmap(data, 8 * PAGE, READ | WRITE, 0x32, null, 0);
            space.throwing().mprotect(data + 6 * PAGE, PAGE, READ);
            int length = random.nextInt(2, 12);
            ToyInstruction[] program = new ToyInstruction[length + 3];
            for (int i = 0; i < length; i++) {
                int a = random.nextInt(6, 10);
                int b = random.nextInt(10, 13);
                int number = random.nextInt(-64, 64);
                program[i] = switch (random.nextInt(5)) {
                    case 0 -> toy(LOAD, a, b, number);
                    case 1 -> toy(STORE, a, b, number);
                    case 2 -> toy(SET, b, b, random.nextInt(4) == 0 ? number : 8);
                    case 3 -> toy(SET, a, random.nextInt(6, 10), number);
                    default -> toy(ToyInstruction.ToyOperation.ADD, a, random.nextInt(6, 10), 0);
                };
            }
            program[length] = toy(SET, LEFT, LEFT, -1);
            program[length + 1] = toy(BRANCH, LEFT, 0, -(length + 1) * BYTES);
            program[length + 2] = toy(HALT, 0, 0, 0);
            write(space, code, program);
            ToyCpu guest = new ToyCpu(space, cpu, translates);
            guest.registers()[LEFT] = 4_000;
            for (int i = 10; i < 13; i++) {
                guest.registers()[i] = data + random.nextLong(PAGE);
            }
            outcome.append(guest.run(code));
            for (long register : guest.registers()) {
                outcome.append(' ').append(register);
            }
            long sum = 0;
            for (long at = data; at < data + 7 * PAGE; at += Long.BYTES) {
                sum = 31 * sum + guest.loadLong(at);
            }
            outcome.append(", memory ").append(sum);
        });
        return outcome.toString();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName(
            "random loops, with unaligned accesses and faults, end as in the interpreter: place, registers, memory")
    void likeTheInterpreter(boolean checked) {
        int faults = 0;
        List<Long> seeds =
                Share.of("random loops", 8).of(LongStream.range(0, 152).boxed().toList());
        for (long seed : seeds) {
            String expected = outcome(seed, false, checked);
            assertEquals(expected, outcome(seed, true, checked), "seed " + seed);
            faults += expected.startsWith("halted") ? 0 : 1;
        }
        boolean isMixed = faults > 0 && faults < seeds.size();
        assertTrue(isMixed || seeds.size() < ENOUGH, faults + " faults of " + seeds.size());
    }

    @Test
    @DisplayName("an access to the first bytes of the space is no hit")
    void firstPage() {
        onGuest(false, (space, cpu) -> {
            long code = map(space, 1, READ | WRITE | EXEC);
            ToyCpu guest = new ToyCpu(space, cpu, true);
            write(
                    space,
                    code,
                    toy(LOAD, SUM, TO, 0),
                    toy(SET, LEFT, LEFT, -1),
                    toy(BRANCH, LEFT, 0, -2 * BYTES),
                    toy(HALT, 0, 0, 0));
            guest.registers()[TO] = code;
            guest.registers()[LEFT] = 100;
            assertEquals("halted", guest.run(code));
            assertEquals(1, guest.cache().translated());
            guest.registers()[TO] = 1;
            guest.registers()[LEFT] = 100;
            assertEquals("SEGV_MAPERR at 0x1, pc 0x" + Long.toHexString(code), guest.run(code));
        });
    }

    /** Waits until a condition on the guest's memory holds. */
    @SuppressWarnings("ThreadPriorityCheck") // with one processor, the other thread needs it
    private void until(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            if (hasEnded) {
                throw new IllegalStateException("the guest has ended");
            }
            Thread.yield();
        }
    }

    /** Runs the guest, and lets another thread act once a loop has counted far enough to be translated. */
    private String countingBeside(AddressSpace space, Cpu cpu, ToyCpu guest, long code, long page, Runnable action) {
        hasEnded = false;
        CompletableFuture<Void> other = CompletableFuture.runAsync(() -> {
            until(() -> GeneratedCode.count(space, page) >= MANY);
            action.run();
        });
        String end;
        try {
            end = guest.run(code);
        } finally {
            hasEnded = true;
        }
        try {
            other.join();
        } catch (CompletionException failed) {
            throw new AssertionError("the guest has ended by " + end, failed);
        }
        assertEquals(cpu.space(), space);
        return end;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("after mprotect has returned, no store of a loop is made, and its fault is precise")
    void protect(boolean checked) {
        onGuest(checked, (space, cpu) -> {
            long code = map(space, 1, READ | WRITE | EXEC);
            long page = map(space, 1, READ | WRITE);
            write(space, code, counting(1));
            ToyCpu guest = new ToyCpu(space, cpu, true);
            guest.registers()[TO] = page;
            long[] last = {0};
            String end = countingBeside(space, cpu, guest, code, page, () -> {
                space.throwing().mprotect(page, PAGE, READ);
                last[0] = GeneratedCode.count(space, page);
            });
            assertEquals(
                    "SEGV_ACCERR at 0x" + Long.toHexString(page) + ", pc 0x" + Long.toHexString(code + BYTES), end);
            assertEquals(code + BYTES, guest.pc());
            assertEquals(last[0] + 1, guest.registers()[SUM]);
            assertEquals(last[0], GeneratedCode.count(space, page));
        });
    }

    @Test
    @DisplayName("after a fork, the stores of a loop do not reach the child")
    void fork() {
        onGuest(false, (space, cpu) -> {
            long code = map(space, 1, READ | WRITE | EXEC);
            long page = map(space, 1, READ | WRITE);
            write(space, code, counting(1));
            ToyCpu guest = new ToyCpu(space, cpu, true);
            guest.registers()[TO] = page;
            countingBeside(space, cpu, guest, code, page, () -> {
                for (int i = 0; i < 50; i++) {
                    try (AddressSpace child = space.fork()) {
                        long count = GeneratedCode.count(child, page);
                        long before = GeneratedCode.count(space, page);
                        until(() -> GeneratedCode.count(space, page) >= before + 5_000);
                        assertEquals(count, GeneratedCode.count(child, page));
                    }
                }
                space.throwing().munmap(page, PAGE);
            });
        });
    }

    /** A loop that counts in the next word. */
    private static final ToyInstruction[] ELSEWHERE = {
        toy(SET, SUM, SUM, 1), toy(STORE, SUM, TO, Long.BYTES), toy(BRANCH, TO, 0, -2 * BYTES)
    };

    /** Runs a counting loop, and lets another thread replace it with {@link #ELSEWHERE}. */
    private void changed(BiConsumer<AddressSpace, Long> change) {
        onGuest(false, (space, cpu) -> {
            long code = map(space, 1, READ | WRITE | EXEC);
            long page = map(space, 1, READ | WRITE);
            write(space, code, counting(1));
            ToyCpu guest = new ToyCpu(space, cpu, true);
            guest.registers()[TO] = page;
            String end = countingBeside(space, cpu, guest, code, page, () -> {
                change.accept(space, code);
                // The guest may already have counted here: between the store into the code and the report of the store,
                // it can interpret the new code and then return to the translation of the old code.
                long before = GeneratedCode.count(space, page + Long.BYTES);
                until(() -> GeneratedCode.count(space, page + Long.BYTES) > before);
                long first = GeneratedCode.count(space, page + Long.BYTES);
                // No thread runs the old code any more.
                long last = GeneratedCode.count(space, page);
                until(() -> GeneratedCode.count(space, page + Long.BYTES) >= first + 10_000);
                long later = GeneratedCode.count(space, page);
                space.throwing().munmap(page, PAGE);
                assertEquals(last, later);
            });
            assertTrue(end.startsWith("SEGV_MAPERR at "), end);
            assertEquals(2, guest.cache().translated());
        });
    }

    @Test
    @DisplayName("code that is written again, by W^X: the change of the rights drops it")
    void writeXorExecute() {
        changed((space, code) -> {
            // Nothing may run in between, because a page without EXEC would end the guest with a signal.
            long other = map(space, 1, READ | WRITE);
            write(space, other, ELSEWHERE);
            space.throwing().mprotect(other, PAGE, READ | EXEC);
            space.throwing().mremap(other, PAGE, PAGE, 3, code);
        });
    }

    @Test
    @DisplayName("code that is stored over, in a page with all rights: the watch drops it")
    void allRights() {
        changed((space, code) -> write(space, code, ELSEWHERE));
    }

    @Test
    @DisplayName("code in whose place another file is mapped")
    void remapped() {
        changed((space, code) -> {
            // Stays open, because the guest reads its code until the end.
            MemoryFile file = space.machine().newFile("/code", 1, GeneratedCode.GEOMETRY, PAGE);
            long other = space.throwing().mmap(0, PAGE, READ | WRITE, SHARED, file.open(), 0);
            write(space, other, ELSEWHERE);
            space.throwing().mmap(code, PAGE, READ | EXEC, SHARED | FIXED, file.openReadOnly(), 0);
        });
    }

    @Test
    @DisplayName("code that the guest changes through another mapping is dropped by its instruction for that")
    void dualMapping() {
        onGuest(false, (space, cpu) -> {
            MemoryFile file = space.machine().newFile("/jit", 1, GeneratedCode.GEOMETRY, PAGE);
            long code = space.throwing().mmap(0, PAGE, READ | EXEC, SHARED, file.open(), 0);
            long writable = space.throwing().mmap(0, PAGE, READ | WRITE, SHARED, file.open(), 0);
            long main = map(space, 1, READ | WRITE | EXEC);
            ToyInstruction[] loop = {
                toy(SET, SUM, SUM, 1), toy(SET, LEFT, LEFT, -1), toy(BRANCH, LEFT, 0, -2 * BYTES), toy(HALT, 0, 0, 0)
            };
            write(space, writable, loop);
            ToyCpu guest = new ToyCpu(space, cpu, true);
            guest.registers()[LEFT] = 1_000;
            assertEquals("halted", guest.run(code));
            assertEquals(1_000, guest.registers()[SUM]);
            assertEquals(1, guest.cache().translated());
            loop[0] = toy(SET, SUM, SUM, 2);
            write(space, writable, loop);
            write(space, main, toy(FENCE, 0, 0, 0), toy(HALT, 0, 0, 0));
            assertEquals("halted", guest.run(main));
            guest.registers()[LEFT] = 1_000;
            guest.registers()[SUM] = 0;
            assertEquals("halted", guest.run(code));
            assertEquals(2_000, guest.registers()[SUM]);
            assertEquals(2, guest.cache().translated());
            file.close();
        });
    }

    @Test
    @DisplayName("two CPUs run one loop, each by a translation of its own")
    void threads() {
        onGuest(false, (space, cpu) -> {
            long code = map(space, 1, READ | WRITE | EXEC);
            write(space, code, GeneratedCode.SUMS);
            CompletableFuture<Long> other = CompletableFuture.supplyAsync(() -> {
                try (Cpu second = space.machine().claimCpu()) {
                    return sum(space, second, code);
                }
            });
            long expected = 4_999L * 5_000 / 2;
            assertEquals(expected, sum(space, cpu, code));
            assertEquals(expected, other.join());
        });
    }

    private static long sum(AddressSpace space, Cpu cpu, long code) {
        ToyCpu guest = new ToyCpu(space, cpu, true);
        long[] x = guest.registers();
        x[GeneratedCode.FROM] = map(space, 10, READ | WRITE);
        x[TO] = map(space, 10, READ | WRITE);
        x[LEFT] = 5_000;
        for (int i = 0; i < 5_000; i++) {
            guest.storeLong(x[GeneratedCode.FROM] + 8L * i, i);
        }
        assertEquals("halted", guest.run(code));
        return x[SUM];
    }
}
