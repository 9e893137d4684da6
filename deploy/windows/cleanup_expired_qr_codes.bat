@echo off
rem Remove QR codes that expired more than 7 days ago, with their rows.
rem
rem Works from anywhere: it looks for manage.py in its own folder and in those above it. Python is the shop's:
rem %STOREKEEPER_PYTHON%, else the one in venv, .venv or env beside manage.py, else the one in PATH.
rem Further options are passed on: cleanup_expired_qr_codes.bat --help
setlocal DisableDelayedExpansion
set "PYTHONUTF8=1"

set "folder=%~dp0"
:search
if exist "%folder%manage.py" goto found
for %%I in ("%folder%..") do set "above=%%~fI\"
if "%above%"=="%folder%" goto missing
set "folder=%above%"
goto search

:missing
echo There is no manage.py beside %~f0 or above it. Put this file into the shop's folder. 1>&2
exit /b 2

:found
set "python=python"
for %%I in (env .venv venv) do if exist "%folder%%%I\Scripts\python.exe" set "python=%folder%%%I\Scripts\python.exe"
if defined STOREKEEPER_PYTHON set "python=%STOREKEEPER_PYTHON%"
pushd "%folder%"
"%python%" manage.py cleanup_expired_qr_codes --days=7 %*
set "code=%ERRORLEVEL%"
popd
exit /b %code%
