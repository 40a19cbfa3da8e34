// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.ResolvedPath.LastName;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The resolution of one path, name by name ({@code link_path_walk} in {@code fs/namei.c}). */
final class PathWalk {
    private static final int MOST_LINKS = 40;
    private static final int LONGEST_NAME = 255;

    /**
     * A marker in {@link #left}, after the names of a removed directory's parent. It means that the walk reached the
     * parent by "..". No name can be equal to it.
     */
    private static final String REACHED_BY_DOTS = "/";

    private final GuestRoot root;
    private final EmulatedLinks emulated;
    private final Deque<String> left;

    /** The names that were resolved so far, without links. */
    private final List<String> done = new ArrayList<>();

    /**
     * The removed directory that the walk reached, which contains only "." and ".."; null if the walk is not in one.
     */
    private @Nullable OpenedName removed;

    /** Whether the last name would be in a removed directory, so that it cannot exist. */
    private boolean isMissing;

    private LastName last = LastName.ROOT;
    private boolean isFolderNamed;
    private int links;

    /**
     * How many names lead to the directory where a relative path starts. The search permission of the directories above
     * it is not checked.
     */
    private int before;

    PathWalk(GuestRoot root, EmulatedLinks emulated, String folder, String path) {
        this.root = root;
        this.emulated = emulated;
        left = new ArrayDeque<>(names(path.startsWith("/") ? path : folder + "/" + path));
        isFolderNamed = path.endsWith("/");
        before = path.startsWith("/") ? 0 : names(folder).size();
    }

    /** Starts a walk in a removed directory. The path is not absolute. */
    PathWalk(GuestRoot root, EmulatedLinks emulated, OpenedName removed, String path) {
        this.root = root;
        this.emulated = emulated;
        this.removed = removed;
        left = new ArrayDeque<>(names(path));
        isFolderNamed = path.endsWith("/");
    }

    private static List<String> names(String path) {
        return Arrays.stream(path.split("/")).filter(name -> !name.isEmpty()).toList();
    }

    private ResolvedPath failed(long error) {
        return new ResolvedPath(GuestRoot.text(done), null, error, last, isFolderNamed, false, null);
    }

    /** Resolves the path; the last name need not exist. */
    ResolvedPath find(boolean follows) {
        long error = walk(follows);
        if (error != 0 || isMissing) {
            return failed(error != 0 ? error : LinuxErrno.ENOENT);
        }
        if (removed != null) {
            return ResolvedPath.ofRemoved(removed);
        }
        Path host = root.hostOf(done);
        boolean isOther = isFolderNamed && host != null && Files.exists(host) && !Files.isDirectory(host);
        return isOther ? failed(LinuxErrno.ENOTDIR) : result(host);
    }

    /** Resolves the path without following the last name, which need not exist. */
    ResolvedPath place() {
        long error = walk(false);
        if (error != 0) {
            return failed(error);
        }
        return removed == null ? result(root.hostOf(done)) : isMissing ? result(null) : ResolvedPath.ofRemoved(removed);
    }

    private ResolvedPath result(@Nullable Path host) {
        return new ResolvedPath(GuestRoot.text(done), host, 0, last, isFolderNamed, root.isFixed(done), null);
    }

    /** Resolves all names; returns 0 or an error. */
    private long walk(boolean follows) {
        if (root.isGone()) {
            return LinuxErrno.ENOENT;
        }
        long error = 0;
        while (error == 0 && !left.isEmpty()) {
            error = step(left.removeFirst(), follows);
        }
        return error;
    }

    /** Resolves one name in the directory that was reached; returns 0 or an error. */
    private long step(String name, boolean follows) {
        OpenedName gone = removed;
        if (gone != null) {
            return stepFrom(gone, name);
        }
        long refused = --before >= 0 ? 0 : emulated.searchError(root.hostOf(done));
        if (refused != 0) {
            return refused;
        }
        switch (name) {
            case "." -> last = LastName.DOT;
            case REACHED_BY_DOTS -> last = LastName.DOT_DOT;
            case ".." -> {
                last = LastName.DOT_DOT;
                if (!done.isEmpty()) {
                    done.remove(done.size() - 1);
                }
            }
            default -> {
                if (name.length() > LONGEST_NAME) {
                    // The lookup of a process's name does not check the length, because these names are numbers.
                    return GuestRoot.isInProc(done) ? LinuxErrno.ENOENT : LinuxErrno.ENAMETOOLONG;
                }
                if (name.indexOf('\0') >= 0) {
                    // A name with a null character comes from the first line of a script or from a debugger. In a
                    // system call, the null character would end the string.
                    return LinuxErrno.ENOENT;
                }
                last = LastName.NORMAL;
                done.add(name);
                return left.isEmpty() && !follows ? 0 : enter();
            }
        }
        return 0;
    }

    /** Resolves one name in a removed directory, which contains no names; returns 0 or an error. */
    private long stepFrom(OpenedName gone, String name) {
        long refused = emulated.searchError(gone);
        if (refused != 0) {
            return refused;
        }
        switch (name) {
            case "." -> last = LastName.DOT;
            case ".." -> {
                removed = null;
                done.clear();
                left.addFirst(REACHED_BY_DOTS);
                List<String> above = names(gone.path());
                // These names are resolved again, because one of them may be a link by now.
                for (int i = above.size() - 2; i >= 0; i--) {
                    left.addFirst(above.get(i));
                }
                before = above.size();
            }
            default -> {
                last = LastName.NORMAL;
                isMissing = true;
                done.clear();
                done.addAll(names(gone.path()));
                done.add(name);
                return left.isEmpty() ? 0 : LinuxErrno.ENOENT;
            }
        }
        return 0;
    }

    /** Follows a link, or checks that a file is a directory if names follow. */
    private long enter() {
        String target = emulated.target(GuestRoot.text(done));
        if (target != null) {
            return follow(target);
        }
        removed = emulated.removed(GuestRoot.text(done));
        if (removed != null) {
            return ++links > MOST_LINKS ? LinuxErrno.ELOOP : 0;
        }
        if (GuestRoot.isInProc(done)) {
            return left.isEmpty() ? 0 : enterEmulated();
        }
        Path host = root.hostOf(done);
        try {
            FileStatus found = host == null ? null : statusOf(host);
            if (host != null && found != null && found.isLink()) {
                return follow(GuestRoot.targetOf(host));
            }
            if (left.isEmpty() || (found != null && found.isFolder())) {
                return 0;
            }
            if (found != null) {
                return LinuxErrno.ENOTDIR;
            }
            if (!root.isAssumed(done)) {
                return LinuxErrno.ENOENT;
            }
            boolean isDevice = emulated.kind(GuestRoot.text(done)) == EmulatedLinks.EmulatedKind.FILE;
            return isDevice ? LinuxErrno.ENOTDIR : 0;
        } catch (IOException e) {
            return LinuxErrno.of(e);
        }
    }

    private long enterEmulated() {
        return switch (emulated.kind(GuestRoot.text(done))) {
            case NOTHING -> LinuxErrno.ENOENT;
            case FILE -> LinuxErrno.ENOTDIR;
            case FOLDER -> 0;
        };
    }

    private static @Nullable FileStatus statusOf(Path host) throws IOException {
        try {
            return FileStatus.of(host, false);
        } catch (NoSuchFileException none) {
            return null;
        }
    }

    private long follow(String target) {
        if (++links > MOST_LINKS) {
            return LinuxErrno.ELOOP;
        }
        done.remove(done.size() - 1);
        if (target.startsWith("/")) {
            done.clear();
            last = LastName.ROOT;
        }
        isFolderNamed |= left.isEmpty() && target.endsWith("/");
        List<String> first = names(target);
        for (int i = first.size() - 1; i >= 0; i--) {
            left.addFirst(first.get(i));
        }
        return 0;
    }
}
