// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.judge;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@LiveKernel
@DisplayName("The judge on the kernel of this machine")
final class JudgeTest {
    private static final long AT = 0x1000_0000L;
    private static final int READ = 0;
    private static final int MMAP = 9;
    private static final int PIPE = 22;
    private static final int GETPID = 39;
    private static final int EXIT_GROUP = 231;

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path directory;

    @SuppressWarnings("NullAway.Init")
    private Judge judge;

    @BeforeEach
    void start() throws IOException {
        judge = Judge.start(directory, List.of());
    }

    @AfterEach
    void end() throws IOException {
        judge.close();
    }

    private static long map(Task task, long length) {
        return task.call(MMAP, AT, length, 3, 0x22 | 0x10, -1, 0);
    }

    @Test
    @DisplayName("makes calls, and tells their results and errors")
    void calls() {
        assertEquals(AT, map(judge.first(), 0x2000));
        assertEquals(-22, judge.first().call(MMAP, AT, 0, 3, 0x22, -1, 0));
        assertEquals(
                List.of("-9", "-9"),
                judge.first().askAll(List.of(Task.callRequest(READ, 77, 0, 0), Task.callRequest(READ, -1))));
    }

    @Test
    @DisplayName("survives faults of loads and stores, and tells their codes and addresses")
    void faults() {
        Task task = judge.first();
        map(task, 0x1000);
        assertEquals(new Access(0, 0, 0, 0), task.store(4, AT + 0xffc, 0x8877_6655L));
        assertEquals(new Access(0x8877, 0, 0, 0), task.load(2, AT + 0xffe));
        assertEquals(new Access(0, 11, 1, AT + 0x1000), task.load(8, AT + 0xffc));
        long readOnly = AT + 0x10_0000;
        assertEquals(readOnly, task.call(MMAP, readOnly, 0x1000, 1, 0x22 | 0x10, -1, 0));
        assertEquals(new Access(0, 11, 2, readOnly + 1), task.store(1, readOnly + 1, 1));
        assertEquals("00.M", task.firstBytes(AT, 2));
        task.put(AT, new byte[] {1, -1});
        assertArrayEquals(new byte[] {1, -1, 0}, task.bytes(AT, 3));
    }

    @Test
    @DisplayName("hashes memory, page by page")
    void hashes() {
        Task task = judge.first();
        map(task, 0x1000);
        byte[] bytes = {1, 2, 3, 4, 5, 6, 7, -8, 9, 10, -11};
        task.put(AT, bytes);
        assertEquals(
                String.format("%016x .M", Task.hash(Arrays.copyOf(bytes, 4096), 0, 4096)),
                task.ask(Task.hashRequest(AT, 0x1001)));
        assertEquals(String.format("%016x", Task.hash(bytes, 0, 11)), task.ask(Task.hashRequest(AT, 11)));
    }

    @Test
    @DisplayName("passes on a layout without mappings, which is no file's answer")
    void emptyLayout() {
        Task child = judge.first().fork();
        assertEquals(";;", child.ask(Task.layoutRequest(AT, AT + 0x1000, 7, AT, AT + 0x1000)));
        assertTrue(child.call(GETPID) > 0);
        assertTrue(child.file("/proc/self/maps").isPresent());
    }

    @Test
    @DisplayName("has children with memory of their own, and threads that share it")
    void tasks() {
        Task parent = judge.first();
        map(parent, 0x1000);
        Task child = parent.fork();
        Task grandchild = child.fork();
        Task thread = child.thread();
        child.store(1, AT, 7);
        assertEquals(0, parent.load(1, AT).value());
        assertEquals(0, grandchild.load(1, AT).value());
        assertEquals(7, thread.load(1, AT).value());
        assertEquals(child.call(GETPID), thread.call(GETPID));
        assertTrue(parent.call(GETPID) != child.call(GETPID));
        assertEquals("gone " + (5 << 8), child.ask("c " + Integer.toHexString(EXIT_GROUP) + " 5"));
        assertEquals("nobody", child.ask("g"));
    }

    @Test
    @DisplayName("begins a call that blocks, and ends it when another task lets it")
    void blockedCalls() {
        Task child = judge.first().fork();
        Task reader = child.thread();
        assertEquals(0, child.call(PIPE, judge.scratch()));
        byte[] ends = child.bytes(judge.scratch(), 8);
        reader.begin(Task.callRequest(READ, ends[0], judge.scratch() + 64, 10));
        assertEquals(3, child.call(1, ends[4], judge.scratch(), 3));
        assertEquals("3", reader.await());
        child.kill();
    }

    @Test
    @DisplayName("reads files of /proc, and notes signals")
    void filesAndSignals() {
        Task task = judge.first();
        String maps = new String(task.file("/proc/self/maps").orElseThrow(), StandardCharsets.ISO_8859_1);
        assertTrue(maps.contains("judge-x86-64"), maps);
        assertTrue(task.file("/proc/self/nothing").isEmpty());
        assertEquals(0, task.note(10, 0, 0));
        task.call(62, task.call(GETPID), 10);
        assertEquals(1, task.noted().size());
        assertTrue(task.noted().isEmpty());
    }

    @Test
    @DisplayName("needs Linux from 6.18 on, on x86-64")
    void kernels() throws IOException {
        assertTrue(LiveKernel.Fits.fits("Linux", "amd64", "6.18.0-rc1"));
        assertTrue(LiveKernel.Fits.fits("Linux", "amd64", "7.0"));
        assertFalse(LiveKernel.Fits.fits("Linux", "amd64", "6.9.3"));
        assertFalse(LiveKernel.Fits.fits("Linux", "aarch64", "6.18.1"));
        assertFalse(LiveKernel.Fits.fits("Windows 11", "amd64", "10.0"));
        assertTrue(Files.size(directory.resolve(Judge.X86_64)) < 100_000);
    }
}
