// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.core.backing.HostFile;
import dev.samara.testing.judge.Judge;
import dev.samara.testing.live.Tally;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/**
 * The environment of scripts: two processes for the kernel's side, and a directory for each side. If the test may mount
 * file systems, each directory is an ext4 file system in memory, in a mount namespace of the processes. In that case a
 * force is cheap, and a file system can be filled up. Otherwise the directories are in a given directory.
 */
final class Arena implements AutoCloseable {
    private static final int MKNOD = 133;
    private static final int MKDIR = 83;
    private static final int FIFO_MODE = 010644;
    private static final int DIRECTORY_MODE = 0755;
    private static final int BALLAST = 64;
    private static final int FIRST_BYTES = 3 * Places.PAGE + 100;
    private static final int FULL = 0102;
    private static final String FILLER = "filler";
    private static final String MAKE = """
            set -e
            for side in theirs ours
            do
                image="FOLDER/$side.image" folder="FOLDER/files/$side"
                truncate -s 16M "$image"
                mkfs.ext4 -q -F -m 0 -O ^has_journal -b 4096 "$image"
                mkdir -p "$folder"
                mount -o loop "$image" "$folder"
                mkdir "$folder/source" "$folder/readonly"
                head -c 5000 /dev/zero | tr '\\0' r > "$folder/source/a"
                mount --bind "$folder/source" "$folder/readonly"
                mount -o remount,bind,ro "$folder/readonly"
            done
            exec "$0"
            """;

    private final Hand first;
    private final Hand second;
    private final String theirs;
    private final Path ours;
    private final Path twins;
    private final Tally tally;
    private final boolean isMounted;
    private long steps;

    private Arena(Hand first, Hand second, String theirs, Path root, boolean isMounted) throws IOException {
        this.isMounted = isMounted;
        this.first = first;
        this.second = second;
        this.theirs = theirs;
        ours = root.resolve("ours");
        twins = root.resolve("theirs");
        tally = new Tally(FileLanguage.FOLDER.resolve("pairs.txt"));
    }

    /** Creates an arena in a folder, with file systems in memory if possible. */
    static Arena of(Path folder) throws IOException {
        Path files = Files.createDirectories(folder.resolve("files"));
        Path one = Files.createDirectories(folder.resolve("first"));
        Path other = Files.createDirectories(folder.resolve("second"));
        Arena made;
        if (mayMount(folder)) {
            String script = MAKE.replace("FOLDER", folder.toString());
            Hand first = new Hand(Judge.start(one, List.of("unshare", "-m", "sh", "-c", script)));
            String process = Long.toString(first.call(39));
            Hand second = new Hand(Judge.start(other, List.of("nsenter", "-t", process, "-m")));
            Path root = Path.of("/proc/" + process + "/root" + files);
            made = new Arena(first, second, files.toString(), root, true);
        } else {
            Hand first = new Hand(Judge.start(one, List.of()));
            made = new Arena(first, new Hand(Judge.start(other, List.of())), files.toString(), files, false);
        }
        made.prepare(made.theirs + "/ours");
        made.prepare(made.theirs + "/theirs");
        Files.write(made.ours.resolve("ballast"), new byte[BALLAST * Places.PAGE]);
        return made;
    }

    /** Returns whether this process may mount a file as a file system. */
    private static boolean mayMount(Path folder) throws IOException {
        Process tried = new ProcessBuilder("unshare", "-m", "sh", "-c", """
                        truncate -s 4M "$0/try" && mkfs.ext4 -q -F "$0/try" && mount -o loop "$0/try" "$0/files"
                        """, folder.toString())
                .redirectErrorStream(true)
                .start();
        byte[] said = tried.getInputStream().readAllBytes();
        try {
            boolean isMade = tried.waitFor() == 0;
            if (!isMade) {
                System.out.println("files are in " + folder + ": " + new String(said, StandardCharsets.UTF_8).trim());
            }
            return isMade;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException(interrupted);
        } finally {
            Files.deleteIfExists(folder.resolve("try"));
        }
    }

    private void prepare(String folder) {
        first.callWithPaths(List.of(folder), MKDIR, first.path(0), DIRECTORY_MODE);
        first.callWithPaths(List.of(folder + "/" + Names.of(Names.DIRECTORY)), MKDIR, first.path(0), DIRECTORY_MODE);
        first.callWithPaths(List.of(folder + "/" + Names.of(Names.FIFO)), MKNOD, first.path(0), FIFO_MODE, 0);
        String loop = Names.of(Names.LOOP);
        first.callWithPaths(List.of(loop, folder + "/" + loop), Hand.SYMLINK, first.path(0), first.path(1));
    }

    /** Resets each side to a file {@code a} of some pages and an empty file {@code b}. */
    void reset() throws IOException {
        empty();
        ByteBuffer bytes = Pattern.of(0, FIRST_BYTES);
        byte[] content = new byte[FIRST_BYTES];
        bytes.get(content);
        for (Path folder : List.of(ours, twins)) {
            for (int name = 0; name < Names.FILES; name++) {
                Files.deleteIfExists(folder.resolve(Names.of(name)));
            }
            Files.write(folder.resolve(Names.of(0)), content);
            Files.write(folder.resolve(Names.of(1)), new byte[0]);
        }
    }

    KernelSide kernel() {
        return new KernelSide(first, second, theirs + "/theirs");
    }

    OtherProgram other() {
        return new OtherProgram(second, theirs + "/theirs", theirs + "/ours");
    }

    /** Returns the inode of a name on the kernel's side; -1 if the name does not exist. */
    long inode(long name) {
        try {
            return ((Number) Files.getAttribute(twins.resolve(Names.of(name)), "unix:ino")).longValue();
        } catch (IOException missing) {
            return -1;
        }
    }

    /** Fills the file system of the library's files up to a few free pages. Returns whether that is possible here. */
    boolean fill(long pages) throws IOException {
        if (!isMounted) {
            return false;
        }
        String filler = theirs + "/ours/" + FILLER;
        long opened = second.callWithPaths(List.of(filler), Hand.OPENAT, Hand.HERE, second.path(0), FULL, 0644);
        long free = Files.getFileStore(ours).getUsableSpace() - pages * Places.PAGE;
        // If this fails, part of the space was allocated.
        second.call(Hand.FALLOCATE, opened, 0, 0, Math.max(free, 1));
        second.call(Hand.CLOSE, opened);
        return true;
    }

    /** Frees the space again. */
    void empty() throws IOException {
        Files.deleteIfExists(ours.resolve(FILLER));
    }

    Path ours() {
        return ours;
    }

    /** Counts a step of the kernel's side. */
    void met(Step step, Outcome outcome) {
        steps++;
        tally.met(step.verb().word(), outcome.error());
    }

    long steps() {
        return steps;
    }

    Tally tally() {
        return tally;
    }

    /** Creates the twin of a file that was opened on both sides. */
    Twin twin(long inode, String name, HostFile file) {
        try {
            FileChannel our = FileChannel.open(ours.resolve(name), StandardOpenOption.READ);
            return new Twin(inode, file, our, FileChannel.open(twins.resolve(name), StandardOpenOption.READ));
        } catch (IOException failed) {
            throw new UncheckedIOException(failed);
        }
    }

    @Override
    public void close() throws IOException {
        second.close();
        first.close();
    }
}
