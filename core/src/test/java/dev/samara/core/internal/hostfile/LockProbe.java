// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Another process that tries to lock a file and prints which locks it got. With a second argument, it keeps the shared
 * lock.
 */
final class LockProbe {
    private LockProbe() {}

    public static void main(String[] arguments) throws IOException {
        boolean keeps = arguments.length > 1;
        FileChannel channel =
                FileChannel.open(Path.of(arguments[0]), StandardOpenOption.READ, StandardOpenOption.WRITE);
        String shared = name(channel.tryLock(0, Long.MAX_VALUE, true), keeps);
        String exclusive = keeps ? "kept" : name(channel.tryLock(0, Long.MAX_VALUE, false), false);
        try (FileOutputStream out = new FileOutputStream(FileDescriptor.out)) {
            out.write(("shared " + shared + ", exclusive " + exclusive + "\n").getBytes(StandardCharsets.US_ASCII));
        }
        while (keeps) {
            LockSupport.park();
        }
        channel.close();
    }

    private static String name(@Nullable FileLock lock, boolean keeps) throws IOException {
        if (lock != null && !keeps) {
            lock.release();
        }
        return lock == null ? "refused" : "given";
    }
}
