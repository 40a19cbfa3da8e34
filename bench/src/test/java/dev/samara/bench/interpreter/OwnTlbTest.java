// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.interpreter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.samara.core.AddressSpace;
import dev.samara.core.Watchpoint;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@DisplayName("An emulator's own TLB with indexes")
final class OwnTlbTest {
    private static final long CODE = 0x1_0000;
    private static final long DATA = 0x10_0000;

    private static GuestRam ram(String memory) {
        GuestRam ram = InterpreterBenchmark.memory(memory, GuestProgram.RANDOM64K);
        ram.map(CODE, 4096);
        ram.map(DATA, 0x4000);
        return ram;
    }

    @ParameterizedTest
    @ValueSource(strings = {"own-array", "own-buffer", "own-space"})
    @DisplayName("reads what was written, in each width and over the end of a page, also where two pages share a slot")
    void widths(String memory) {
        try (GuestRam ram = ram(memory)) {
            ram.map(DATA + (1024 << 12), 4096);
            for (int round = 0; round < 3; round++) {
                for (long at = DATA + 0xff8; at < DATA + 0x1008; at++) {
                    ram.storeLong(at, 0x1122_3344_5566_7788L);
                    assertEquals(0x1122_3344_5566_7788L, ram.loadLong(at));
                    assertEquals(0x5566_7788, ram.loadInt(at));
                    assertEquals(0x4455, ram.loadShort(at + 3));
                    assertEquals(0x11, ram.loadByte(at + 7));
                    ram.storeInt(at, -2);
                    ram.storeShort(at + 4, (short) -3);
                    ram.storeByte(at + 6, (byte) -4);
                    assertEquals(0x11fc_fffd_ffff_fffeL, ram.loadLong(at));
                }
                ram.storeLong(DATA, 5);
                ram.storeLong(DATA + (1024 << 12), 6);
                assertEquals(5, ram.loadLong(DATA));
                assertEquals(6, ram.loadLong(DATA + (1024 << 12)));
                ram.storeLong(DATA, 7);
                assertEquals(6, ram.loadLong(DATA + (1024 << 12)));
            }
            assertThrows(IllegalStateException.class, () -> ram.loadLong(DATA - 8));
            assertThrows(IllegalStateException.class, () -> ram.storeByte(0x7f_ffff_f000L, (byte) 1));
        }
    }

    /** Stores a number, and returns the physical address at which another thread finds it. */
    private static long place(OwnTlbOnSpace ram) {
        long number = 0x1234_5678_9abcL;
        ram.storeLong(DATA, 0);
        ram.storeLong(DATA, number);
        return CompletableFuture.supplyAsync(() -> find(ram.space(), number)).join();
    }

    private static long find(AddressSpace space, long number) {
        ByteBuffer bytes = ByteBuffer.allocate(1 << 17).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(bytes.capacity(), space.read(0, bytes));
        int at = 0;
        while (bytes.getLong(at) != number) {
            at += Long.BYTES;
        }
        return at;
    }

    @Test
    @DisplayName("drops them when another thread forks the memory, so no store reaches the child")
    void fork() {
        Assembler counting = new Assembler()
                .label("next")
                .addi(5, 5, 1)
                .sd(5, 10, 0)
                .ld(6, 10, 8)
                .bge(0, 6, "next")
                .ecall();
        try (OwnTlbOnSpace ram = (OwnTlbOnSpace) ram("own-space")) {
            int[] code = counting.assemble();
            for (int i = 0; i < code.length; i++) {
                ram.storeInt(CODE + 4L * i, code[i]);
            }
            long counter = place(ram);
            // The other thread may read the counter before the guest starts to count.
            ram.storeLong(DATA, 0);
            CompletableFuture<Void> forking = CompletableFuture.runAsync(() -> {
                try {
                    forkWhileItCounts(ram.space(), counter);
                } finally {
                    byte[] one = {1};
                    assertEquals(1, ram.space().write(counter + 8, one, 0, 1));
                }
            });
            new Interpreter(ram).run(CODE, DATA, 0);
            forking.join();
        }
    }

    private static long word(AddressSpace space, long physical) {
        ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(Long.BYTES, space.read(physical, bytes));
        return bytes.getLong(0);
    }

    @SuppressWarnings("ThreadPriorityCheck") // with one processor, the other thread needs it
    private static void forkWhileItCounts(AddressSpace space, long counter) {
        for (int i = 0; i < 10; i++) {
            try (AddressSpace child = space.fork()) {
                long count = word(child, counter);
                long before = word(space, counter);
                while (word(space, counter) < before + 10_000) {
                    Thread.yield();
                }
                assertEquals(count, word(child, counter));
            }
        }
    }

    @Test
    @DisplayName("drops them when a watchpoint is set, which is then told of each store")
    void watch() {
        try (OwnTlbOnSpace ram = (OwnTlbOnSpace) ram("own-space")) {
            long word = place(ram);
            List<Long> told = new ArrayList<>();
            CompletableFuture<Watchpoint> watching = CompletableFuture.supplyAsync(
                    () -> ram.space().watch(word, 8, (address, length) -> told.add(address)));
            while (!watching.isDone()) {
                ram.poll();
            }
            ram.storeLong(DATA, 1);
            ram.storeLong(DATA + 8, 2);
            ram.storeInt(DATA + 4, 3);
            assertEquals(List.of(word, word + 4), told);
            watching.join().close();
            ram.storeLong(DATA, 4);
            assertEquals(4, ram.loadLong(DATA));
            assertEquals(2, told.size());
        }
    }

    @Test
    @DisplayName("is measured by a report, with a row for each run and the ratio of the medians")
    void report(@TempDir Path folder) throws IOException, InterruptedException {
        Path file = folder.resolve("own-tlb.json");
        OwnTlbReport.main(
                new String[] {"--seconds", "0.01", "--rounds", "1", "--work", "random64k", "--json", file.toString()});
        JsonObject written = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
        JsonArray rows = written.getAsJsonArray("rows");
        List<String> memories = List.of("own-array", "own-buffer", "own-space");
        assertEquals(memories.size() + 2, rows.size());
        for (int i = 0; i < memories.size(); i++) {
            JsonObject row = rows.get(i).getAsJsonObject();
            assertEquals("random64k", row.get("work").getAsString());
            assertEquals(memories.get(i), row.get("memory").getAsString());
            assertTrue(row.get("mips").getAsDouble() > 0);
        }
        for (int i = memories.size(); i < rows.size(); i++) {
            JsonObject row = rows.get(i).getAsJsonObject();
            assertEquals("<= 1.05", row.get("goal").getAsString());
            assertTrue(row.get("figure").getAsDouble() > 0);
        }
    }
}
