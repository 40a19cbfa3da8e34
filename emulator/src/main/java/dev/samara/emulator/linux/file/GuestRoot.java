// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.GuestText;
import dev.samara.emulator.linux.abi.LinuxErrno;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The part of the host's file system that the guest can access: the directory given as its root, and the guest's
 * program, which is read-only if it is outside of the root. Paths are resolved component by component, including
 * symbolic links, so that no path leads out of the root, as after {@code chroot}. If the root was replaced by another
 * directory or by a link, no path can be resolved any more. The caller holds the monitor of the {@link GuestNames} from
 * the start of a resolution until it no longer uses the result.
 */
public final class GuestRoot {
    private static final String UNRESERVED = "-._~/";

    private final @Nullable Path root;

    /** The original path of the root, and the same path without links; empty if there is no root. */
    private final List<Path> bases;

    /** The status of the root at the start; null if there is no root. */
    private final @Nullable FileStatus first;

    /** The path of the program for the guest, without links. */
    public final String programName;

    private final Path program;
    private final boolean isProgramInside;

    /**
     * Creates the view of a guest.
     *
     * @param root the root; null if the guest sees no file except its program
     * @param program the file of the program
     */
    public GuestRoot(@Nullable Path root, Path program) throws IOException {
        Path found = root == null ? null : root.toRealPath();
        bases = root == null || found == null
                ? List.of()
                : List.of(root.toAbsolutePath().normalize(), found);
        this.root = found;
        first = found == null ? null : FileStatus.of(found, false);
        this.program = program.toRealPath();
        isProgramInside = found != null && this.program.startsWith(found);
        programName =
                found != null && isProgramInside ? "/" + textOf(found.relativize(this.program)) : textOf(this.program);
    }

    /**
     * Returns the path by which the guest could execute a program that the user of the emulator named; null if the
     * program is not below the root. Links in the path are not resolved, because a program may read its own name.
     *
     * @param named the path of a program on the host
     */
    public @Nullable String nameOf(Path named) {
        Path absolute = named.toAbsolutePath().normalize();
        for (Path base : bases) {
            if (absolute.startsWith(base)) {
                return "/" + textOf(base.relativize(absolute));
            }
        }
        return null;
    }

    /** Returns the directory in which the guest starts. */
    public String firstFolder() {
        Path here = Path.of("").toAbsolutePath();
        return root != null && here.startsWith(root) ? "/" + textOf(root.relativize(here)) : "/";
    }

    /** The files of the emulator, through which a path may lead. */
    public interface EmulatedFiles {
        /** No links, and whatever is asked about is a directory. */
        EmulatedFiles NONE = path -> null;

        /** Returns the target of a link; null if there is none at a path. */
        @Nullable
        String target(String path);

        /** Returns ENOENT or ENOTDIR if a path does not lead through a name; 0 if it is a directory. */
        default long searchError(String path) {
            return 0;
        }
    }

    /** Resolves a path without the files of the emulator. */
    public ResolvedPath resolve(String folder, String path, boolean follows) {
        return resolve(folder, path, follows, EmulatedFiles.NONE);
    }

    /**
     * Resolves the path of a file to look up. If the path ends with a slash, a link as the last name is followed, and
     * the file must be a directory.
     *
     * @param folder the directory at which a relative path starts, as an absolute path of the guest
     * @param path the path
     * @param follows whether a link that is the last name is followed
     * @param emulated the files of the emulator
     */
    public ResolvedPath resolve(String folder, String path, boolean follows, EmulatedFiles emulated) {
        return new PathWalk(emulated, folder, path).find(follows || path.endsWith("/"));
    }

    /**
     * Resolves the path of a name to create, remove or rename. The last name is not followed and need not exist. The
     * caller checks what it is.
     *
     * @param folder the directory at which a relative path starts, as an absolute path of the guest
     * @param path the path
     * @param emulated the files of the emulator
     */
    public ResolvedPath resolveName(String folder, String path, EmulatedFiles emulated) {
        return new PathWalk(emulated, folder, path).place();
    }

    /** Returns the target of a host symbolic link. */
    public static String targetOf(Path link) throws IOException {
        return textOf(Files.readSymbolicLink(link));
    }

    /** Creates a symbolic link on the host. Its target must not be empty. */
    public static void makeLink(Path link, String target) throws IOException {
        Files.createSymbolicLink(link, target(target));
    }

    /**
     * Returns the name of a mapping as the guest sees it.
     *
     * @param name the path of a host file, which may have a suffix, or a name that the guest set, as a text of the
     *     guest
     */
    public String shown(String name) {
        String inside = root == null ? null : root + "/";
        if (inside != null && name.startsWith(inside)) {
            return "/" + GuestText.ofHost(name.substring(inside.length()));
        }
        return name.startsWith(program.toString()) ? GuestText.ofHost(name) : name;
    }

    /** Returns whether the root no longer exists, or is no longer the same directory. */
    private boolean isGone() {
        FileStatus before = first;
        Path found = root;
        if (before == null || found == null) {
            return false;
        }
        try {
            FileStatus now = FileStatus.of(found, false);
            return !now.isFolder() || !now.isSame(before);
        } catch (IOException deleted) {
            return true;
        }
    }

    private static String text(List<String> names) {
        return "/" + String.join("/", names);
    }

    /** Returns whether a path is the path of the program, and the program is outside of the root. */
    private boolean isFixed(List<String> names) {
        return !isProgramInside && text(names).equals(programName);
    }

    /**
     * Returns whether a path counts as the path of a directory even if nothing exists there on the host. This is true
     * of the directories above the program, and of the directories whose files the emulator provides.
     */
    private boolean isAssumed(List<String> names) {
        String text = text(names);
        return programName.startsWith(text + "/") || names.get(0).equals("dev");
    }

    /** Returns whether a path is {@code /proc} or lies below it, where all files are files of the emulator. */
    private static boolean isInProc(List<String> names) {
        return !names.isEmpty() && names.get(0).equals("proc");
    }

    /** Returns the host's path for a path of the guest; null if no host file can be there. */
    private @Nullable Path hostOf(List<String> names) {
        if (text(names).equals(programName)) {
            return program;
        }
        return root == null || isInProc(names) ? null : below(root, String.join("/", names));
    }

    /** The names that are left of a path, and those that were resolved. */
    private final class PathWalk {
        private static final int MOST_LINKS = 40;
        private static final int LONGEST_NAME = 255;

        private final EmulatedFiles emulated;
        private final Deque<String> left;
        private final List<String> done = new ArrayList<>();
        private boolean isNormal;
        private boolean isFolderNamed;
        private int links;

        PathWalk(EmulatedFiles emulated, String folder, String path) {
            this.emulated = emulated;
            left = new ArrayDeque<>(names(path.startsWith("/") ? path : folder + "/" + path));
            isFolderNamed = path.endsWith("/");
        }

        private static List<String> names(String path) {
            return Arrays.stream(path.split("/"))
                    .filter(name -> !name.isEmpty())
                    .toList();
        }

        private ResolvedPath failed(long error) {
            return new ResolvedPath(text(done), null, error, isNormal, isFolderNamed, false);
        }

        ResolvedPath find(boolean follows) {
            ResolvedPath found = result(walk(follows));
            Path host = found.host();
            boolean isOther = isFolderNamed && host != null && Files.exists(host) && !Files.isDirectory(host);
            return isOther ? failed(LinuxErrno.ENOTDIR) : found;
        }

        ResolvedPath place() {
            return result(walk(false));
        }

        private ResolvedPath result(long error) {
            return error != 0
                    ? failed(error)
                    : new ResolvedPath(text(done), hostOf(done), 0, isNormal, isFolderNamed, isFixed(done));
        }

        private long walk(boolean follows) {
            if (isGone()) {
                return LinuxErrno.ENOENT;
            }
            long error = 0;
            while (error == 0 && !left.isEmpty()) {
                error = step(left.removeFirst(), follows);
            }
            return error;
        }

        private long step(String name, boolean follows) {
            isNormal = false;
            if (name.equals(".")) {
                return 0;
            }
            if (name.equals("..")) {
                if (!done.isEmpty()) {
                    done.remove(done.size() - 1);
                }
                return 0;
            }
            if (name.length() > LONGEST_NAME) {
                return LinuxErrno.ENAMETOOLONG;
            }
            if (name.indexOf('\0') >= 0) {
                // A name with a null character comes from the first line of a script or from a debugger. In a system
                // call, the null character would end the string.
                return LinuxErrno.ENOENT;
            }
            isNormal = true;
            done.add(name);
            return left.isEmpty() && !follows ? 0 : enter();
        }

        private long enter() {
            String path = text(done);
            String target = emulated.target(path);
            if (target != null) {
                return follow(target);
            }
            if (isInProc(done)) {
                return left.isEmpty() ? 0 : emulated.searchError(path);
            }
            Path host = hostOf(done);
            FileStatus found = host == null ? null : GuestNames.statusOf(host);
            try {
                if (host != null && found != null && found.isLink()) {
                    return follow(targetOf(host));
                }
            } catch (IOException e) {
                return LinuxErrno.of(e);
            }
            if (left.isEmpty() || (found != null && found.isFolder())) {
                return 0;
            }
            if (found != null) {
                return LinuxErrno.ENOTDIR;
            }
            if (!isAssumed(done)) {
                return LinuxErrno.ENOENT;
            }
            return emulated.searchError(path) == LinuxErrno.ENOTDIR ? LinuxErrno.ENOTDIR : 0;
        }

        private long follow(String target) {
            if (++links > MOST_LINKS) {
                return LinuxErrno.ELOOP;
            }
            done.remove(done.size() - 1);
            if (target.startsWith("/")) {
                done.clear();
            }
            isFolderNamed |= left.isEmpty() && target.endsWith("/");
            List<String> first = names(target);
            for (int i = first.size() - 1; i >= 0; i--) {
                left.addFirst(first.get(i));
            }
            return 0;
        }
    }

    // Names of the host, which the JDK decodes by its locale

    /**
     * Returns the path of a file below a directory.
     *
     * @param folder an absolute path
     * @param names names below it, separated by slashes, as a text of the guest; empty for the directory itself
     */
    static Path below(Path folder, String names) {
        if (isAscii(names)) {
            return folder.resolve(names);
        }
        String base = folder.toUri().getRawPath();
        return Path.of(URI.create("file://" + base + (base.endsWith("/") ? "" : "/") + encoded(names)));
    }

    /** Returns the path of the target of a symbolic link, a text of the guest that is not empty. */
    private static Path target(String text) {
        if (isAscii(text)) {
            return Path.of(text);
        }
        Path absolute = Path.of(URI.create("file:///" + encoded(text)));
        return text.startsWith("/") ? absolute : absolute.subpath(0, absolute.getNameCount());
    }

    /** Returns a path of the host as a text of the guest. */
    static String textOf(Path path) {
        String known = path.toString();
        if (isAscii(known)) {
            return known;
        }
        List<String> names = new ArrayList<>();
        for (Path name : path) {
            names.add(decodedName(name));
        }
        return (path.isAbsolute() ? "/" : "") + String.join("/", names);
    }

    private static String decodedName(Path name) {
        // The name is resolved as the last name of an absolute path. The path's URI ends with a slash if a directory of
        // that name exists.
        String raw = Path.of("/").resolve(name).toUri().getRawPath();
        return decoded(raw.substring(1, raw.endsWith("/") ? raw.length() - 1 : raw.length()));
    }

    /**
     * Returns false if the text contains a byte that the locale could not decode, because it was decoded as a
     * replacement character.
     */
    private static boolean isAscii(String text) {
        return text.chars().allMatch(each -> each < 0x80);
    }

    private static String encoded(String text) {
        StringBuilder encoded = new StringBuilder();
        for (byte each : GuestText.bytes(text)) {
            char known = (char) (each & 0xff);
            boolean isPlain = known < 0x80 && (Character.isLetterOrDigit(known) || UNRESERVED.indexOf(known) >= 0);
            encoded.append(isPlain ? String.valueOf(known) : String.format("%%%02X", each & 0xff));
        }
        return encoded.toString();
    }

    private static String decoded(String raw) {
        byte[] bytes = new byte[raw.length()];
        int length = 0;
        for (int at = 0; at < raw.length(); at++) {
            if (raw.charAt(at) == '%') {
                bytes[length++] = (byte) Integer.parseInt(raw.substring(at + 1, at + 3), 16);
                at += 2;
            } else {
                bytes[length++] = (byte) raw.charAt(at);
            }
        }
        return new String(bytes, 0, length, StandardCharsets.ISO_8859_1);
    }

    /**
     * A path of the guest after its resolution.
     *
     * @param guest the path without links and dots
     * @param host the path of the host; null if the host cannot have a file there
     * @param error the error of the resolution; 0 if it succeeded
     * @param isNormal whether the last name is not {@code .}, {@code ..} or the root
     * @param isFolderNamed whether a slash after the last name requires a directory
     * @param isFixed whether the path is that of a program outside of the root, which cannot be changed
     */
    public record ResolvedPath(
            String guest, @Nullable Path host, long error, boolean isNormal, boolean isFolderNamed, boolean isFixed) {
        /** Returns a path that could not be resolved. */
        public static ResolvedPath failed(long error) {
            return new ResolvedPath("", null, error, true, false, false);
        }

        /** Returns whether the host has a file, directory or link at the path. */
        public boolean exists() {
            return host != null && Files.exists(host, LinkOption.NOFOLLOW_LINKS);
        }

        public boolean isFolder() {
            return host != null && Files.isDirectory(host, LinkOption.NOFOLLOW_LINKS);
        }
    }
}
