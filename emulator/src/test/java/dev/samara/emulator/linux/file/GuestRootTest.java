// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.file.GuestRoot.ResolvedPath;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests that no path of a guest leads out of its root. */
final class GuestRootTest {
    @TempDir
    private Path folder;

    private Path root = Path.of("");
    private Path program = Path.of("");

    @BeforeEach
    void makeFiles() throws IOException {
        root = folder.toRealPath().resolve("root");
        Files.createDirectories(root.resolve("inner"));
        program = Files.writeString(folder.toRealPath().resolve("program"), "");
        Files.writeString(folder.resolve("secret"), "");
        Files.writeString(root.resolve("file"), "");
    }

    private static void leadsTo(GuestRoot view, String path, Path host) {
        assertEquals(host, view.resolve("/", path, true).host());
    }

    @Test
    @DisplayName("neither parents nor links lead out of the root")
    void root() throws IOException {
        Files.createSymbolicLink(root.resolve("absolute"), Path.of("/file"));
        Files.createSymbolicLink(root.resolve("up"), Path.of("../../secret"));
        Files.createSymbolicLink(root.resolve("inner/out"), Path.of("../../../.."));
        GuestRoot view = new GuestRoot(root, program);
        leadsTo(view, "../../file", root.resolve("file"));
        leadsTo(view, "absolute", root.resolve("file"));
        leadsTo(view, "up", root.resolve("secret"));
        leadsTo(view, "inner/out/file", root.resolve("file"));
        leadsTo(view, "inner/../inner/../../../file", root.resolve("file"));
    }

    @Test
    @DisplayName("a program below the root has its path there, with links, however the root is named; others have none")
    void namedProgram() throws IOException {
        Files.createSymbolicLink(root.resolve("applet"), Path.of("file"));
        Path link = Files.createSymbolicLink(root.resolveSibling("link"), root);
        GuestRoot view = new GuestRoot(link, root.resolve("file"));
        assertEquals("/file", view.programName);
        assertEquals("/applet", view.nameOf(link.resolve("applet")));
        assertEquals("/applet", view.nameOf(root.resolve("inner/../applet")));
        assertNull(view.nameOf(program));
        assertNull(new GuestRoot(null, program).nameOf(program));
    }

    @Test
    @DisplayName("a link that leads to itself is ELOOP, and a name below a file is ENOTDIR")
    void errors() throws IOException {
        Files.createSymbolicLink(root.resolve("loop"), Path.of("loop"));
        GuestRoot view = new GuestRoot(root, program);
        assertEquals(LinuxErrno.ELOOP, view.resolve("/", "loop", true).error());
        assertEquals(0, view.resolve("/", "loop", false).error());
        assertEquals(LinuxErrno.ENOTDIR, view.resolve("/", "file/x", true).error());
        assertEquals(LinuxErrno.ENOENT, view.resolve("/", "none/../file", true).error());
        assertEquals(LinuxErrno.ENOTDIR, view.resolve("/", "file/", true).error());
    }

    @Test
    @DisplayName("a path with a NUL in it, as a script may have it in its first line, names nothing")
    void nul() throws IOException {
        GuestRoot view = new GuestRoot(root, program);
        assertEquals(LinuxErrno.ENOENT, view.resolve("/", "fi\0le", true).error());
        assertEquals(LinuxErrno.ENOENT, view.resolve("/", "fi\0le/x", true).error());
    }

    @Test
    @DisplayName("names of mappings are the guest's: below the root for its files, as they are for its own texts")
    void shownNames() throws IOException {
        GuestRoot view = new GuestRoot(root, program);
        assertEquals("/inner/\u00c3\u00a4 (deleted)", view.shown(root + "/inner/\u00e4 (deleted)"));
        assertEquals(program.toString(), view.shown(program.toString()));
        assertEquals("/memfd:\u00e4", view.shown("/memfd:\u00e4"), "one byte, which the guest has given");
    }

    @Test
    @DisplayName("nothing is found once a link, or another folder, is in the place of the root")
    void replacedRoot() throws IOException {
        GuestRoot view = new GuestRoot(root, program);
        assertEquals(0, view.resolve("/", "file", true).error());
        Path moved = Files.move(root, root.resolveSibling("moved"));
        assertEquals(LinuxErrno.ENOENT, view.resolve("/", "file", true).error());
        Files.createSymbolicLink(root, moved);
        assertEquals(LinuxErrno.ENOENT, view.resolve("/", "file", true).error());
        assertEquals(
                LinuxErrno.ENOENT,
                view.resolveName("/", "file", GuestRoot.EmulatedFiles.NONE).error());
        Files.delete(root);
        Files.createDirectory(root);
        assertEquals(LinuxErrno.ENOENT, view.resolve("/", "/", true).error());
    }

    @Test
    @DisplayName("the root, one dot and two dots are no names that could be made or removed")
    void lastNames() throws IOException {
        for (String each : List.of("/", "//", ".", "inner/..", "inner/.")) {
            assertFalse(name(each).isNormal(), each);
        }
        assertTrue(name("inner/").isNormal());
        assertTrue(name("inner/").isFolderNamed());
    }

    private ResolvedPath name(String path) throws IOException {
        return new GuestRoot(root, program).resolveName("/", path, GuestRoot.EmulatedFiles.NONE);
    }

    @Test
    @DisplayName("without a root, a guest sees its program and nothing else")
    void alone() throws IOException {
        GuestRoot view = new GuestRoot(null, program);
        assertEquals(program, view.resolve("/", view.programName, true).host());
        assertNull(view.resolve("/", program.resolveSibling("secret").toString(), true)
                .host());
        assertNull(view.resolve("/", "/etc/passwd", true).host());
        assertTrue(view.resolve("/", program.toString(), true).exists());
    }

    @Test
    @DisplayName("the permissions of a new file are not set through a link that replaced it")
    void linkInPlaceOfFile() throws IOException {
        Path file = root.resolve("file");
        GuestNames.setRightsOfNew(file, 0600);
        assertEquals(0600, FileStatus.of(file, true).mode() & 0777);
        Path link = Files.createSymbolicLink(root.resolve("link"), file);
        assertThrows(IOException.class, () -> GuestNames.setRightsOfNew(link, 0777));
        assertEquals(0600, FileStatus.of(file, true).mode() & 0777);
    }
}
