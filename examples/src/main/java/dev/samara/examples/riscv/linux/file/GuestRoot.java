// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux.file;

import dev.samara.examples.riscv.linux.abi.LinuxErrno;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the guest sees of the host's files: the folder that was given as its root, and its program. Paths are resolved
 * here, name by name, with the symbolic links in them, so none leads out of the root, as after {@code chroot}.
 */
public final class GuestRoot {
    private static final int MOST_LINKS = 40;

    private final @Nullable Path root;
    private final String programName;
    private final Path program;

    /**
     * Makes the view of a guest.
     *
     * @param root its root; null if it sees no files but its program
     * @param program the file of the program
     */
    public GuestRoot(@Nullable Path root, Path program) throws IOException {
        this.root = root == null ? null : root.toRealPath();
        this.program = program.toRealPath();
        programName = this.root != null && this.program.startsWith(this.root)
                ? "/" + this.root.relativize(this.program)
                : this.program.toString();
    }

    /**
     * A name of the guest, and what the host has there.
     *
     * @param guest the path of the guest, absolute and without links, but for the last name if that is not followed
     * @param host the path of the host; null if the guest has nothing there
     * @param error 0, or why the path cannot be resolved
     */
    public record ResolvedPath(String guest, @Nullable Path host, long error) {
        public boolean exists() {
            return host != null && Files.exists(host, LinkOption.NOFOLLOW_LINKS);
        }
    }

    /** Returns the path of the program for the guest. */
    public String programName() {
        return programName;
    }

    /** Returns the folder in which the guest begins. */
    public String firstFolder() {
        Path here = Path.of("").toAbsolutePath();
        return root != null && here.startsWith(root) ? "/" + root.relativize(here) : "/";
    }

    /**
     * Resolves a path.
     *
     * @param folder where a relative path begins: an absolute path of the guest
     * @param path the path
     * @param follows whether a link that is the last name is followed
     */
    public ResolvedPath resolve(String folder, String path, boolean follows) {
        Deque<String> left = new ArrayDeque<>(names(path.startsWith("/") ? path : folder + "/" + path));
        List<String> done = new ArrayList<>();
        int links = 0;
        while (!left.isEmpty()) {
            String name = left.removeFirst();
            if (name.equals("..")) {
                if (!done.isEmpty()) {
                    done.remove(done.size() - 1);
                }
                continue;
            }
            done.add(name);
            Path host = hostOf(done);
            if (host == null || (left.isEmpty() && !follows) || !Files.isSymbolicLink(host)) {
                if (host != null && !left.isEmpty() && Files.isRegularFile(host)) {
                    return new ResolvedPath(text(done), null, LinuxErrno.ENOTDIR);
                }
                continue;
            }
            if (++links > MOST_LINKS) {
                return new ResolvedPath(text(done), null, LinuxErrno.ELOOP);
            }
            String target = targetOf(host);
            done.remove(done.size() - 1);
            if (target.startsWith("/")) {
                done.clear();
            }
            List<String> first = names(target);
            for (int i = first.size() - 1; i >= 0; i--) {
                left.addFirst(first.get(i));
            }
        }
        return new ResolvedPath(text(done), hostOf(done), 0);
    }

    private static List<String> names(String path) {
        return Arrays.stream(path.split("/"))
                .filter(name -> !name.isEmpty() && !name.equals("."))
                .toList();
    }

    private static String text(List<String> names) {
        return "/" + String.join("/", names);
    }

    private static String targetOf(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException changed) {
            return "";
        }
    }

    private @Nullable Path hostOf(List<String> names) {
        if (text(names).equals(programName)) {
            return program;
        }
        try {
            return root == null ? null : root.resolve(String.join("/", names));
        } catch (InvalidPathException e) {
            return null;
        }
    }
}
