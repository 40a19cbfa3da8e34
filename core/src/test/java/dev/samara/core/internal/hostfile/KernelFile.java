// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.TreeSet;

/** A file that the host's kernel maps several times: what a file of the host in as many spaces is compared with. */
final class KernelFile implements AutoCloseable {
    private static final Path FALLOCATE = Path.of("/usr/bin/fallocate");

    private final Path path;
    private final FileChannel channel;
    private final MappedByteBuffer[] mappings;

    /** Why a step was made here in another way than by the call of the kernel. */
    private final Set<String> reasons = new TreeSet<>();

    KernelFile(Path path, int mappings) throws IOException {
        this.path = path;
        channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
        this.mappings = new MappedByteBuffer[mappings];
        map();
    }

    /** A mapping of the JDK has the size that the file had then. An access beyond a new end ends the JVM, perhaps. */
    private void map() throws IOException {
        for (int i = 0; i < mappings.length; i++) {
            mappings[i] = channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size());
            mappings[i].order(ByteOrder.LITTLE_ENDIAN);
        }
    }

    MappedByteBuffer mapping(int number) {
        return mappings[number];
    }

    long size() throws IOException {
        return channel.size();
    }

    byte[] bytes() throws IOException {
        return Files.readAllBytes(path);
    }

    int pwrite(byte[] bytes, long offset) throws IOException {
        long before = channel.size();
        int written = channel.write(ByteBuffer.wrap(bytes), offset);
        if (channel.size() != before) {
            map();
        }
        return written;
    }

    void truncate(long bytes) throws IOException {
        if (bytes < channel.size()) {
            channel.truncate(bytes);
        } else if (bytes > channel.size()) {
            reasons.add("a growth is a write of a zero at the end: the JDK has no ftruncate that lengthens");
            channel.write(ByteBuffer.allocate(1), bytes - 1);
        }
        map();
    }

    /** Makes a hole, up to the end of the file. */
    void punch(long offset, long length) throws IOException, InterruptedException {
        long end = Math.min(offset + length, channel.size());
        if (offset < end && !isPunched(offset, end - offset)) {
            channel.write(ByteBuffer.allocate((int) (end - offset)), offset);
        }
    }

    /** The JDK has no call for holes. */
    private boolean isPunched(long offset, long length) throws IOException, InterruptedException {
        if (!Files.isExecutable(FALLOCATE)) {
            reasons.add("a hole is a write of zeros: there is no " + FALLOCATE);
            return false;
        }
        Process tool = new ProcessBuilder(
                        FALLOCATE.toString(),
                        "-p",
                        "-o",
                        Long.toString(offset),
                        "-l",
                        Long.toString(length),
                        path.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(tool.getInputStream().readAllBytes(), StandardCharsets.UTF_8).trim();
        if (tool.waitFor() != 0) {
            reasons.add("a hole is a write of zeros: " + said);
            return false;
        }
        return true;
    }

    Set<String> reasons() {
        return reasons;
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
