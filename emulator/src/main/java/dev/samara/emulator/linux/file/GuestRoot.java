// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import dev.samara.emulator.linux.abi.GuestText;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The part of the host's file system that the guest can access: the directory given as its root, and its program,
 * which is read-only if it is outside of the root. Paths are resolved component by component, including symbolic links,
 * so that no path leads out of the root, as after {@code chroot}. No path is resolved any more if the root was replaced
 * by another directory or a link. The caller holds the monitor of the {@link NamedPipes} from the resolution until it
 * is done with the result.
 */
public final class GuestRoot {
    private static final String NO_SYSTEM = "rootfs";

    private final @Nullable Path root;

    /** The root as it was named, and without links; empty without a root. */
    private final List<Path> bases;

    /** The status of the root at the start; null without a root. */
    private final @Nullable FileStatus first;

    private final String programName;
    private final Path program;
    private final boolean isProgramInside;

    /**
     * Makes the view of a guest.
     *
     * @param root its root; null if it sees no files but its program
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
     * Returns the path by which the guest could execute what a person has named; null if that is not below the root.
     * Links on the way stay, since a program may look at its name.
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

    /** Returns the kind of the root's file system. */
    public String fileSystem() {
        Path found = root;
        try {
            return found == null ? NO_SYSTEM : Files.getFileStore(found).type();
        } catch (IOException gone) {
            return NO_SYSTEM;
        }
    }

    /** Returns the number of the root's device, as {@code stat} tells it. */
    public long device() {
        FileStatus found = first;
        return found == null ? 1 : found.device();
    }

    /** Returns the folder in which the guest begins. */
    public String firstFolder() {
        Path here = Path.of("").toAbsolutePath();
        return root != null && here.startsWith(root) ? "/" + HostNames.text(root.relativize(here)) : "/";
    }

    /**
     * Resolves the path of something that is looked up. A slash at its end has a link followed, and asks for a folder.
     *
     * @param folder where a relative path begins: an absolute path of the guest
     * @param path the path
     * @param follows whether a link that is the last name is followed
     */
    public ResolvedPath resolve(String folder, String path, boolean follows) {
        return resolve(folder, path, follows, EmulatedLinks.NONE);
    }

    /**
     * Resolves a path as {@link #resolve(String, String, boolean)} does, also over links that are not the host's.
     *
     * @param folder where a relative path begins: an absolute path of the guest
     * @param path the path
     * @param follows whether a link that is the last name is followed
     * @param links the links that are not the host's
     */
    public ResolvedPath resolve(String folder, String path, boolean follows, EmulatedLinks links) {
        return new PathWalk(this, links, folder, path).find(follows || path.endsWith("/"));
    }

    /**
     * Resolves a path as {@link #resolve(String, String, boolean, EmulatedLinks)} does, from a removed folder on.
     *
     * @param folder the folder
     * @param path the path, which is not absolute
     * @param follows whether a link that is the last name is followed
     * @param links the links that are not the host's
     */
    public ResolvedPath resolve(OpenedName folder, String path, boolean follows, EmulatedLinks links) {
        return new PathWalk(this, links, folder, path).find(follows || path.endsWith("/"));
    }

    /**
     * Resolves the path of a name that is made, removed or renamed: the folder that has it, or is to have it. The last
     * name is not followed, and need not exist; the caller looks at what it is.
     *
     * @param folder where a relative path begins: an absolute path of the guest
     * @param path the path
     */
    public ResolvedPath resolveName(String folder, String path) {
        return resolveName(folder, path, EmulatedLinks.NONE);
    }

    /**
     * Resolves a path as {@link #resolveName(String, String)} does, also over links that are not the host's.
     *
     * @param folder where a relative path begins: an absolute path of the guest
     * @param path the path
     * @param links the links that are not the host's
     */
    public ResolvedPath resolveName(String folder, String path, EmulatedLinks links) {
        return new PathWalk(this, links, folder, path).place();
    }

    /**
     * Resolves a path as {@link #resolveName(String, String, EmulatedLinks)} does, from a removed folder on.
     *
     * @param folder the folder
     * @param path the path, which is not absolute
     * @param links the links that are not the host's
     */
    public ResolvedPath resolveName(OpenedName folder, String path, EmulatedLinks links) {
        return new PathWalk(this, links, folder, path).place();
    }

    /** Returns the target of a link of the host. */
    public static String targetOf(Path link) throws IOException {
        return HostNames.text(Files.readSymbolicLink(link));
    }

    /** Makes a link of the host with a target, which is not empty. */
    public static void makeLink(Path link, String target) throws IOException {
        Files.createSymbolicLink(link, HostNames.target(target));
    }

    /**
     * Returns the name of a mapping as the guest knows it: the path of a file of the host, perhaps with an addition, or
     * a name that the guest has given itself, which is a text of the guest.
     */
    public String shown(String name) {
        String inside = root == null ? null : root + "/";
        if (inside != null && name.startsWith(inside)) {
            return "/" + GuestText.ofHost(name.substring(inside.length()));
        }
        return name.startsWith(program.toString()) ? GuestText.ofHost(name) : name;
    }

    /** Returns whether the root is not there any more, or is not the folder that it was. */
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

    /** Returns whether names are those of the program, which is outside of the root. */
    boolean isFixed(List<String> names) {
        return !isProgramInside && text(names).equals(programName);
    }

    /**
     * Returns whether names are taken for those of a folder though the host may have nothing there: the folders above
     * the program, and those whose files are the emulator's.
     */
    boolean isAssumed(List<String> names) {
        String text = text(names);
        return programName.startsWith(text + "/") || names.get(0).equals("dev");
    }

    /** Returns whether names are {@code /proc} or below it, where no file belongs to the host. */
    static boolean isInProc(List<String> names) {
        return !names.isEmpty() && names.get(0).equals("proc");
    }

    /** Returns where the host has a file; null if the guest has nothing there. */
    @Nullable
    Path hostOf(List<String> names) {
        if (text(names).equals(programName)) {
            return program;
        }
        return root == null || isInProc(names) ? null : HostNames.below(root, String.join("/", names));
    }
}
