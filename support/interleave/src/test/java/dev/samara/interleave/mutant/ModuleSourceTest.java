// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.mutant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("The place of an edit")
@Tag("interleave")
final class ModuleSourceTest {
    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    private List<String> moved = List.of();

    @BeforeEach
    void write() throws IOException {
        Files.writeString(folder.resolve("Door.java"), """
                class Door {
                    private final State state = new State();
                    private int count = 3;

                    Door(int count) { this.count = count; }

                    void open() {
                        lock(); // lock();
                        state.next(count, 1);
                    }

                    void close() { lock(); unlock(); }

                    static class State {
                        void next(int a, int b) { last = a + b; }
                        void open() { lock(); }
                    }
                }
                """);
        Files.writeString(folder.resolve("Gate.java"), "class Gate { void close() { unlock(); frames.drop(7); } }\n");
    }

    private String edited(String member, @Nullable String className, String removed, String added) {
        ModuleSource source = new ModuleSource("module", folder);
        ModuleSource.Edited edited =
                source.edited(List.of(new Mutant.Edit("module", member, className, removed, added)));
        assertEquals(1, edited.sources().size());
        moved = edited.moved();
        return edited.sources().entrySet().iterator().next().toString();
    }

    private void isStale(String member, String removed) {
        assertThrows(IllegalStateException.class, () -> edited(member, null, removed, ""));
    }

    @Test
    @DisplayName("is the code in the member that it names, whatever the layout and the comments")
    void inMember() {
        assertTrue(edited("close", null, "lock( )\n;", "").startsWith("Door=class Door"));
        assertEquals(List.of(), moved);
        assertTrue(edited("close", null, "lock();", "").contains("void close() {  unlock(); }"));
        assertTrue(edited("count", null, "3", "4").contains("count = 4;"));
        assertTrue(edited("Door", null, "this.count = count;", "").contains("Door(int count) {  }"));
    }

    @Test
    @DisplayName("is chosen by the class if several members have the name")
    void inClass() {
        isStale("open", "lock();");
        assertTrue(edited("open", "State", "lock();", "").contains("void open() {  }"));
        assertTrue(edited("close", "Gate", "unlock();", "").startsWith("Gate="));
    }

    @Test
    @DisplayName("is the only one in the module if the code moved to another member or class")
    void moved() {
        assertTrue(edited("advance", null, "state.next(count, 1);", "").contains("// lock();"));
        assertEquals(List.of("Door.open"), moved);
        assertTrue(edited("close", "Fence", "frames.drop(7);", "").startsWith("Gate="));
        isStale("advance", "unlock();");
    }

    @Test
    @DisplayName(
            "is found if the fields differ through which it reaches an object, and its replacement changes likewise")
    void otherFields() {
        assertTrue(edited("close", null, "faults.frames.drop(7)", "faults.frames.keep(faults.count)")
                .contains("frames.keep(count)"));
        assertTrue(edited("open", null, "next(count, 1)", "next(2, 1)").contains("state.next(2, 1)"));
        assertTrue(edited("x", null, "{ unlock(); drop(7);", "{ drop(7);").contains("{ frames.drop(7);"));
    }

    @Test
    @DisplayName("may contain a part of a statement that it does not quote, and that its replacement repeats")
    void anything() {
        assertTrue(edited("open", null, "state.next(..., 1);", "state.next(2, ...);")
                .contains("state.next(2, count);"));
        isStale("open", "lock() ... count");
    }

    @Test
    @DisplayName("is none if the code is nowhere")
    void nowhere() {
        isStale("open", "lock(1);");
    }

    @Test
    @DisplayName("is none for an entry without code or a search, of another module, or that cannot be read")
    void entries() {
        assertThrows(IllegalStateException.class, () -> Mutant.parse("file", "mutant a\n  edit core x".lines()));
        assertThrows(IllegalStateException.class, () -> Mutant.parse("file", "mutant a\n  edit core".lines()));
        assertThrows(IllegalStateException.class, () -> Mutant.parse("file", "  - lock();".lines()));
        assertThrows(IllegalStateException.class, () -> Mutant.parse("file", "found with".lines()));
        String edit = "\n edit core x\n - a();\n";
        assertThrows(IllegalStateException.class, () -> Mutant.parse("file", ("mutant a" + edit).lines()));
        String searched = "setting a" + edit + "found by test A";
        assertThrows(IllegalStateException.class, () -> Mutant.parse("file", searched.lines()));
        String ofOther = "mutant a\n edit cor x\n - a();\n found by test A";
        assertThrows(IllegalStateException.class, () -> Mutant.parse("file", ofOther.lines()));
        List<Mutant> all = Mutant.parse("file", """
                mutant a door stays open
                    edit core close in Gate
                    - unlock();
                    - drop();
                    + drop();
                    found by test DoorTest
                """.lines());
        assertEquals("[a door stays open]", all.toString());
        assertEquals(List.of("test DoorTest"), all.get(0).searches());
    }
}
