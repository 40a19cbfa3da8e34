// SPDX-License-Identifier: Apache-2.0
/**
 * Open files, descriptors, and paths.
 *
 * <p>A {@link dev.samara.emulator.linux.file.GuestFile} is an open file; each kind of file is a class. A {@link
 * dev.samara.emulator.linux.file.DescriptorTable} maps the descriptors of a process to its open files. A file is closed
 * when no descriptor and no call uses it any more. {@link dev.samara.emulator.linux.file.GuestRoot} resolves paths, so
 * that no path leads out of the guest's root.
 *
 * <p>A read or write that must wait uses the {@code WaitList} of its file. The waiting thread is a {@link
 * dev.samara.emulator.linux.file.GuestFile.FileThread}.
 *
 * <table>
 *   <caption>Where to look</caption>
 *   <tr><td>Files and directories of the host</td>
 *       <td>{@link dev.samara.emulator.linux.file.SeekableFile.DiskFile}, {@link
 *       dev.samara.emulator.linux.file.GuestFolder}</td></tr>
 *   <tr><td>Files in memory ({@code memfd_create})</td>
 *       <td>{@link dev.samara.emulator.linux.file.SeekableFile.MemoryDescriptor}</td></tr>
 *   <tr><td>Pipes, the waits of their readers and writers, and SIGPIPE</td>
 *       <td>{@link dev.samara.emulator.linux.file.Pipe}</td></tr>
 *   <tr><td>File locks between processes ({@code fs/locks.c})</td>
 *       <td>{@link dev.samara.emulator.linux.file.FileLocks}</td></tr>
 *   <tr><td>Names of host files, and the monitor that guards them</td>
 *       <td>{@link dev.samara.emulator.linux.file.GuestNames}</td></tr>
 *   <tr><td>Standard streams</td>
 *       <td>{@link dev.samara.emulator.linux.file.Pipe#ofInput}, {@link
 *       dev.samara.emulator.linux.file.HostStream}</td></tr>
 *   <tr><td>{@code /dev}</td>
 *       <td>{@link dev.samara.emulator.linux.file.DeviceFile}</td></tr>
 *   <tr><td>Files of {@code /proc}</td>
 *       <td>{@link dev.samara.emulator.linux.file.ProcFile}; {@code linux.process} generates the content</td></tr>
 * </table>
 */
@NullMarked
package dev.samara.emulator.linux.file;

import org.jspecify.annotations.NullMarked;
