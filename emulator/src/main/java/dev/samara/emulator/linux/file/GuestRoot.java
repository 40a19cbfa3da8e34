// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.GuestText;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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

    private final @Nullable Path root;

    /** The original path of the root, and the same path without links; empty if there is no root. */
    private final List<Path> bases;

    /** The status of the root at the start; null if there is no root. */
    private final @Nullable FileStatus first;

    private final String programName;
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
        programName = found != null && isProgramInside
                ? "/" + HostNames.text(found.relativize(this.program))
                : HostNames.text(this.program);
    }

    /** Returns the path of the program for the guest, without links. */
    public String programName() {
        return programName;
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
                return "/" + HostNames.text(base.relativize(absolute));
            }
        }
        return null;
    }

    /** Returns the directory in which the guest starts. */
    public String firstFolder() {
        Path here = Path.of("").toAbsolutePath();
        return root != null && here.startsWith(root) ? "/" + HostNames.text(root.relativize(here)) : "/";
    }

    /**
     * Resolves the path of a file to look up. If the path ends with a slash, a link as the last name is followed, and
     * the file must be a directory.
     *
     * @param folder the directory at which a relative path starts, as an absolute path of the guest
     * @param path the path
     * @param follows whether a link that is the last name is followed
     */
    public ResolvedPath resolve(String folder, String path, boolean follows) {
        return resolve(folder, path, follows, EmulatedLinks.NONE);
    }

    /**
     * Resolves a path as {@link #resolve(String, String, boolean)} does, and also follows links of the emulator.
     *
     * @param folder the directory at which a relative path starts, as an absolute path of the guest
     * @param path the path
     * @param follows whether a link that is the last name is followed
     * @param links the links of the emulator
     */
    public ResolvedPath resolve(String folder, String path, boolean follows, EmulatedLinks links) {
        return new PathWalk(this, links, folder, path).find(follows || path.endsWith("/"));
    }

    /**
     * Resolves a path as {@link #resolve(String, String, boolean, EmulatedLinks)} does, but starts at a removed
     * directory.
     *
     * @param folder the directory
     * @param path the path, which is not absolute
     * @param follows whether a link that is the last name is followed
     * @param links the links of the emulator
     */
    public ResolvedPath resolve(OpenedName folder, String path, boolean follows, EmulatedLinks links) {
        return new PathWalk(this, links, folder, path).find(follows || path.endsWith("/"));
    }

    /**
     * Resolves the path of a name to create, remove or rename. The last name is not followed and need not exist. The
     * caller checks what it is.
     *
     * @param folder the directory at which a relative path starts, as an absolute path of the guest
     * @param path the path
     */
    public ResolvedPath resolveName(String folder, String path) {
        return resolveName(folder, path, EmulatedLinks.NONE);
    }

    /**
     * Resolves a path as {@link #resolveName(String, String)} does, and also follows links of the emulator.
     *
     * @param folder the directory at which a relative path starts, as an absolute path of the guest
     * @param path the path
     * @param links the links of the emulator
     */
    public ResolvedPath resolveName(String folder, String path, EmulatedLinks links) {
        return new PathWalk(this, links, folder, path).place();
    }

    /**
     * Resolves a path as {@link #resolveName(String, String, EmulatedLinks)} does, but starts at a removed directory.
     *
     * @param folder the directory
     * @param path the path, which is not absolute
     * @param links the links of the emulator
     */
    public ResolvedPath resolveName(OpenedName folder, String path, EmulatedLinks links) {
        return new PathWalk(this, links, folder, path).place();
    }

    /** Returns the target of a host symbolic link. */
    public static String targetOf(Path link) throws IOException {
        return HostNames.text(Files.readSymbolicLink(link));
    }

    /** Creates a symbolic link on the host. Its target must not be empty. */
    public static void makeLink(Path link, String target) throws IOException {
        Files.createSymbolicLink(link, HostNames.target(target));
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
    boolean isGone() {
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

    static String text(List<String> names) {
        return "/" + String.join("/", names);
    }

    /** Returns whether a path is the path of the program, and the program is outside of the root. */
    boolean isFixed(List<String> names) {
        return !isProgramInside && text(names).equals(programName);
    }

    /**
     * Returns whether a path counts as the path of a directory even if nothing exists there on the host. This is true
     * of the directories above the program, and of the directories whose files the emulator provides.
     */
    boolean isAssumed(List<String> names) {
        String text = text(names);
        return programName.startsWith(text + "/") || names.get(0).equals("dev");
    }

    /** Returns whether a path is {@code /proc} or lies below it, where all files are files of the emulator. */
    static boolean isInProc(List<String> names) {
        return !names.isEmpty() && names.get(0).equals("proc");
    }

    /** Returns the host's path for a path of the guest; null if no host file can be there. */
    @Nullable
    Path hostOf(List<String> names) {
        if (text(names).equals(programName)) {
            return program;
        }
        return root == null || isInProc(names) ? null : HostNames.below(root, String.join("/", names));
    }
}
