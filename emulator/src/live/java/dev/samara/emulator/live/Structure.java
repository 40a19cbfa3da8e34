// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;

/** A result in memory, and its text, without values that differ between runs and architectures. */
enum Structure {
    STAT(144) {
        @Override
        String told(ByteBuffer found, long result, SeenNumbers seen) {
            boolean isX86 = seen.architecture() == Architecture.X86_64;
            int mode = found.getInt(isX86 ? 24 : 16);
            long links = isX86 ? found.getLong(16) : found.getInt(20);
            int user = found.getInt(isX86 ? 28 : 24);
            return status(mode, links, user, found.getLong(8), found.getLong(48), seen) + " atime " + time(found, 72)
                    + " mtime " + time(found, 88);
        }
    },
    STATX(256) {
        @Override
        String told(ByteBuffer found, long result, SeenNumbers seen) {
            return "mask " + Integer.toHexString(found.getInt(0) & 0x7ff) + " "
                    + status(
                            found.getShort(28) & 0xffff,
                            found.getInt(16),
                            found.getInt(20),
                            found.getLong(32),
                            found.getLong(40),
                            seen)
                    + " atime " + time(found, 64) + " mtime " + time(found, 112);
        }
    },
    /** The entries of a folder, in the order of their names. */
    DIRENTS(4096) {
        @Override
        String told(ByteBuffer found, long result, SeenNumbers seen) {
            return new TreeSet<>(entries(found, result)).toString();
        }
    },
    SIGINFO(128) {
        @Override
        String told(ByteBuffer found, long result, SeenNumbers seen) {
            int signal = found.getInt(0);
            String told = "signal " + signal + " code " + found.getInt(8);
            boolean isOfTimer = signal == 14 && found.getInt(8) > 0;
            if (!isOfTimer && signal != 0) {
                told += " from " + seen.process(found.getInt(16));
                told += signal == 17 && found.getInt(8) > 0
                        ? " status " + found.getInt(24)
                        : found.getInt(8) == -1 ? " value " + found.getLong(24) : "";
            }
            return told;
        }
    },
    SIGACTION(32) {
        @Override
        String told(ByteBuffer found, long result, SeenNumbers seen) {
            boolean isX86 = seen.architecture() == Architecture.X86_64;
            long handler = found.getLong(0);
            return (handler > 1 ? "handler" : String.valueOf(handler))
                    + " flags " + Long.toHexString(found.getLong(8) & ~0x0400_0000L)
                    + " mask " + Long.toHexString(found.getLong(isX86 ? 24 : 16));
        }
    },
    /** {@code struct shmid64_ds}, without the members that a fork or the end of a process changes only in Linux. */
    SEGMENT(112) {
        @Override
        String told(ByteBuffer found, long result, SeenNumbers seen) {
            return String.format(
                    Locale.ROOT,
                    "%s owner %s %s mode %o size %d attached %d by %s",
                    found.getInt(0) == 0 ? "private" : "key",
                    owner(found.getInt(4), seen),
                    owner(found.getInt(12), seen),
                    found.getInt(20),
                    found.getLong(48),
                    found.getLong(88),
                    seen.process(found.getInt(80)));
        }
    },
    /** Numbers that are not compared. */
    ANY(512) {
        @Override
        String told(ByteBuffer found, long result, SeenNumbers seen) {
            return "given";
        }
    },
    /** A path, which ends with a zero or has the length that the call returned. */
    PATH(4096) {
        @Override
        String told(ByteBuffer found, long result, SeenNumbers seen) {
            return seen.path(text(found, 0, (int) Math.max(result, 0)));
        }
    };

    private static final long NANOS = 1_000_000_000L;

    /** Returns bytes as characters. */
    private static String text(ByteBuffer found, int from, int length) {
        byte[] bytes = new byte[length];
        found.get(from, bytes);
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }

    /** Returns the names and kinds of the entries that {@code getdents64} returned. */
    static List<String> entries(ByteBuffer found, long result) {
        List<String> entries = new ArrayList<>();
        for (int at = 0; at < result; at += found.getShort(at + 16) & 0xffff) {
            int end = at + 19;
            while (found.get(end) != 0) {
                end++;
            }
            String name = text(found, at + 19, end - at - 19);
            entries.add((name.length() > 40 ? name.length() + "*" + name.charAt(0) : name) + ":" + found.get(at + 18));
        }
        return entries;
    }

    private static final long FIRST_OF_NOW = 1_700_000_000L;
    private static final long LAST_OF_NOW = 3_000_000_000L;

    private final int bytes;

    Structure(int bytes) {
        this.bytes = bytes;
    }

    int bytes() {
        return bytes;
    }

    abstract String told(ByteBuffer found, long result, SeenNumbers seen);

    private static String status(int mode, long links, int user, long inode, long size, SeenNumbers seen) {
        boolean isFolder = (mode & 0170000) == 0040000;
        // In the emulator, folders in /proc contain fewer folders.
        boolean isOfProc = mode == 0040555 || mode == 0040500;
        boolean isNamed = (mode & 0170000) != 0010000 && (mode & 0170000) != 0;
        return String.format(
                Locale.ROOT,
                "mode %o links %s user %s size %s%s",
                mode,
                isOfProc ? "any" : Long.toString(links),
                // Files that are not on the host belong to the guest in the emulator, and to user 0 on Linux.
                !isStored(mode) ? "any" : user == seen.user() ? "own" : "other",
                isFolder ? "any" : Long.toString(size),
                isNamed ? " " + seen.inode(inode) : "");
    }

    private static String owner(int user, SeenNumbers seen) {
        return user == seen.user() ? "own" : Integer.toString(user);
    }

    private static boolean isStored(int mode) {
        return (mode & 0170000) != 0 && (mode & 0170000) != 0020000;
    }

    /** Formats a time that a script may have set; the current time is not printed. */
    private static String time(ByteBuffer found, int at) {
        long seconds = found.getLong(at);
        return seconds >= FIRST_OF_NOW && seconds < LAST_OF_NOW ? "now" : seconds + "." + found.getInt(at + 8) % NANOS;
    }
}
